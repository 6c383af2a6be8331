"""`/v1/users`: list, add, change, disable and remove named users, and make tokens for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from radscribe.errors import UsageError
from radscribe.serving.credentials import Users
from radscribe.serving.problems import Problem
from radscribe.serving.routes.common import Administrator, Json, Serving, problems
from radscribe.serving.security import HASHING
from radscribe.serving.service import Service
from radscribe.serving.store import writes

router = APIRouter(prefix="/v1/users", tags=["users"])
Name = Annotated[str, Path(min_length=1, max_length=64, examples=["ann"])]
Change = Callable[[Users], str | None]
PROBLEMS = problems("malformed", "invalid", "too-large", "cross-origin")


class User(BaseModel):
    """What a user is to be."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["read", "review", "delete", "administer"]
    password: str | None = Field(None, max_length=1000, description="absent: stays as it is")
    disabled: bool = Field(False, description="whether the user is kept out")


class TokenLabel(BaseModel):
    """What a token is for."""

    model_config = ConfigDict(extra="forbid")
    label: str = Field("", max_length=100)


@router.get("", summary="List users", responses=problems("invalid"))
async def get(service: Serving, administrator: Administrator) -> Response:
    """Returns the named users with their roles and the labels of their tokens, and no secret."""
    found = await run_in_threadpool(_named(service).all)
    users = [_described(name, entry) for name, entry in sorted(found.items())]
    return Json({"users": users})


@router.put("/{name}", status_code=204, summary="Add or change a user", responses=PROBLEMS)
async def put(name: Name, user: User, service: Serving, administrator: Administrator) -> Response:
    """Adds a user, or gives one another role or password. Open sessions take the new role at once, and end if
    the user is disabled."""
    _check_other(name, administrator)

    def change(users: Users) -> None:
        users.add(name, user.role, user.password)
        users.disable(name, user.disabled)

    details = {"role": user.role, "disabled": user.disabled, "password": user.password is not None}
    await _change(service, change, administrator, "user changed", user=name, **details)
    return Response(status_code=204)


@router.post("/{name}/tokens", status_code=201, summary="Make a token for a user", responses=PROBLEMS)
async def make_token(
    name: Name, token: TokenLabel, service: Serving, administrator: Administrator
) -> Response:
    """Returns the token. It is shown only here: the service keeps its hash."""
    made = await _change(
        service,
        lambda users: users.add_token(name, token.label),
        administrator,
        "token made",
        user=name,
        label=token.label,
    )
    return Json({"token": made}, 201)


@router.delete("/{name}", status_code=204, summary="Remove a user", responses=PROBLEMS)
async def delete(name: Name, service: Serving, administrator: Administrator) -> Response:
    """Removes a user and all tokens; open sessions end at once."""
    _check_other(name, administrator)
    await _change(service, lambda users: users.remove(name), administrator, "user removed", user=name)
    return Response(status_code=204)


def _named(service: Service) -> Users:
    credentials = service.settings.credentials
    if not credentials or credentials.named is None:
        raise Problem("invalid", "Anybody may use this service; add its first user with radscribe users add.")
    return credentials.named


def _check_other(name: str, administrator: str) -> None:
    """Who changes their own account could lock everybody out."""
    if name == administrator:
        raise Problem("invalid", "You cannot change your own account; another administrator can.")


async def _change(service: Service, change: Change, actor: str, action: str, **details: Any) -> str | None:
    users = _named(service)
    try:
        async with HASHING:
            made = await run_in_threadpool(change, users)
    except UsageError as error:
        raise Problem("invalid", f"{error}.") from None
    await asyncio.wrap_future(service.store.write(writes.record, "", actor, action, **details))
    return made


def _described(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "role": entry["role"],
        "created": entry.get("created"),
        "disabled": bool(entry.get("disabled")),
        "password": bool(entry.get("password")),
        "tokens": sorted(entry.get("tokens", {}).values()),
    }
