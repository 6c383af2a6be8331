"""`/v1/session`: how a page that was given the token once gets in without showing it to scripts again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from radscribe.serving.credentials import SESSION_SECONDS
from radscribe.serving.problems import Problem
from radscribe.serving.routes.common import Json, Serving, problems
from radscribe.serving.security import COOKIE

router = APIRouter(prefix="/v1/session", tags=["session"])


@router.get("", summary="Must I sign in?", responses=problems())
def get(request: Request, service: Serving) -> Response:
    """`signed_in`: requests are answered; `token`: it takes the token to sign in."""
    token = service.settings.credentials.by_token_alone
    return Json({"signed_in": request.scope["actor"] != "nobody", "token": token})


@router.post("", status_code=204, summary="Sign in", responses=problems("cross-origin"))
def post(request: Request, service: Serving) -> Response:
    """With `Authorization: Bearer TOKEN`; sets a cookie that holds for twelve hours."""
    credentials = service.settings.credentials
    if request.scope["actor"] != "token":
        raise Problem("unauthorised", "This is not the token that the service was started with.")
    response = Response(status_code=204)
    response.set_cookie(
        COOKIE,
        credentials.new_session(),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


@router.delete("", status_code=204, summary="Sign out", responses=problems("cross-origin"))
def delete() -> Response:
    """Takes the cookie away."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response
