"""`/v1/session`: signing in and out of the page, with a token, a password or an identity provider."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from radscribe.serving.credentials import SESSION_SECONDS, Identity
from radscribe.serving.problems import Problem
from radscribe.serving.routes.common import Json, Serving, problems
from radscribe.serving.security import COOKIE, check_attempts, client_network, cookie, failed_attempt
from radscribe.serving.service import Service

if TYPE_CHECKING:
    from radscribe.serving.oidc import Provider

STATE_SECONDS = 600  # from the beginning of a sign-in at the provider to its end

router = APIRouter(prefix="/v1/session", tags=["session"])
STATE_COOKIE = "radscribe_sign_in"
ASKING = CapacityLimiter(4)  # requests to the provider at a time: anybody can cause one
PROVIDER_SECONDS = 30.0  # to wait for a turn
T = TypeVar("T")


@router.get("", summary="Who am I, and how can I sign in?", responses=problems())
def get(request: Request, service: Serving) -> Response:
    """`signed_in`, `user` and `role`; `token`, `password` and `oidc` say which ways there are."""
    credentials, identity = service.settings.credentials, _identity(request)
    asks = credentials.page_signs_in
    return Json(
        {
            "signed_in": identity is not None,
            "user": identity and identity.name,
            "role": identity and identity.role,
            "token": asks and credentials.by_token,
            "password": asks and credentials.has_named,
            "oidc": service.settings.oidc is not None,
        }
    )


@router.post("", status_code=204, summary="Sign in", responses=problems("cross-origin"))
async def post(request: Request, service: Serving) -> Response:
    """Send `Authorization`, with a token or a name and password: sets a cookie for twelve hours. A session
    does not renew itself: that takes the credentials again."""
    identity = _identity(request)
    if identity is None or "authorization" not in request.headers:
        raise Problem("unauthorised", "Send a token, or a name and password, in Authorization.")
    response = Response(status_code=204)
    await _open(request, service, identity, response)
    return response


@router.delete("", status_code=204, summary="Sign out", responses=problems("cross-origin"))
async def delete(request: Request, service: Serving) -> Response:
    """Ends the session, for every copy of the cookie."""
    key = cookie(request.headers.get("cookie"), COOKIE)
    if key:
        await run_in_threadpool(service.sessions.close, key)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


@router.get("/oidc", summary="Sign in at the identity provider", responses=problems("not-found"))
async def begin(request: Request, service: Serving) -> Response:
    """Redirects to the provider (OpenID Connect, authorisation code with PKCE)."""
    provider = _provider(service)
    address, state = await _ask(provider.begin)
    response = RedirectResponse(address, 303)
    # Lax, as the provider's answer comes from another site.
    response.set_cookie(
        STATE_COOKIE,
        state,
        max_age=STATE_SECONDS,
        path="/v1/session",
        httponly=True,
        samesite="lax",
        secure=service.settings.oidc_is_secure,
    )
    return response


@router.get("/oidc/callback", summary="The provider's answer", include_in_schema=False)
async def callback(request: Request, service: Serving) -> Response:
    """Checks the answer, opens a session and shows the page."""
    provider = _provider(service)
    state = cookie(request.headers.get("cookie"), STATE_COOKIE) or ""
    address = client_network(request.scope)
    await run_in_threadpool(check_attempts, service.attempts, address)
    try:
        provider.check_begun(state)
        if not await run_in_threadpool(service.counters.first, f"sign-in state {state}", STATE_SECONDS):
            raise Problem("unauthorised", "This sign-in was finished before; sign in again.")
        identity = await _ask(lambda: provider.finish(str(request.url), state))
        if await run_in_threadpool(service.settings.credentials.is_local, identity.name):
            raise Problem(
                "forbidden", "A user of this service has your name; sign in as that user, or ask who runs it."
            )
    except Problem as problem:
        if problem.status in (401, 403):
            await run_in_threadpool(failed_attempt, service.attempts, address)
        raise
    response = RedirectResponse(f"{provider.public_url}/", 303)
    await _open(request, service, identity, response, from_provider=True)
    response.delete_cookie(STATE_COOKIE, path="/v1/session")
    return response


def _identity(request: Request) -> Identity | None:
    identity: Identity | None = request.scope["identity"]
    return identity


def _provider(service: Service) -> Provider:
    if service.settings.oidc is None:
        raise Problem("not-found", "This service has no identity provider; sign in by token or password.")
    return service.settings.oidc


async def _ask(ask: Callable[[], T]) -> T:
    """Ask the provider, when it is this request's turn."""
    try:
        async with asyncio.timeout(PROVIDER_SECONDS):
            return await to_thread.run_sync(ask, limiter=ASKING)
    except TimeoutError:
        raise Problem("not-ready", "Too many people sign in; try again in a moment.") from None


async def _open(
    request: Request,
    service: Service,
    identity: Identity,
    response: Response,
    *,
    from_provider: bool = False,
) -> None:
    key = await run_in_threadpool(service.sessions.open, identity, from_provider=from_provider)
    # Behind a proxy the service speaks HTTP; what the browser speaks stands in Origin.
    secure = (
        request.url.scheme == "https"
        or request.headers.get("origin", "").startswith("https:")
        or service.settings.oidc_is_secure
    )
    response.set_cookie(COOKIE, key, max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=secure)
