"""Checks before every route: host names, other sites, credentials; and the headers of all answers."""

from __future__ import annotations

import ipaddress
import logging
import math
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from anyio import CapacityLimiter
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radscribe.serving.counters import Attempts
from radscribe.serving.credentials import ANYONE, Identity
from radscribe.serving.problems import Problem, failure, silent
from radscribe.serving.sessions import Sessions
from radscribe.serving.settings import Settings
from radscribe.serving.store.database import SILENT

log = logging.getLogger(__name__)
COOKIE = "radscribe_session"
UPLOADS = frozenset({"/v1/captions", "/v1/groups"})  # have limits of their own
STOW = "/dicom-web/studies"  # and what is below it
BODY_BYTES = 200_000
READING = frozenset({"GET", "HEAD", "OPTIONS"})
ALWAYS_OPEN = frozenset({"/healthz", "/readyz"})
PAGE = ("/static/", "/v1/session")  # open where the page asks for credentials; they hold no data
INDEX = "/"
HASHING = CapacityLimiter(2)  # passwords hashed at a time: each takes 16 MB and 50 ms of a core
HEADERS: dict[str, str] = {
    # blob: is what a page makes of files that a user chose; nothing is loaded from elsewhere.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",  # unless a route says otherwise
}


class Gate:
    """ASGI middleware. It puts the `Identity` of the client in `scope["identity"]`, or None.

    Parameters
    ----------
    sessions : Sessions
        Sessions of the page.
    attempts : Attempts
        Failed attempts to sign in.
    """

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions, attempts: Attempts) -> None:
        self._app = app
        self._credentials = settings.credentials
        self._hosts = settings.hosts
        self._sessions = sessions
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        send = _with_headers(send)
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            self._check_host(headers)
            self._check_origin(scope["method"], headers)
            scope["identity"] = await self._identity(scope, headers)
            _check_size(scope["path"], headers)
            await self._app(scope, receive, sending)
        except Problem as problem:
            await problem.response()(scope, receive, send)
        except SILENT:
            if started:
                raise
            await silent().response()(scope, receive, send)
        except Exception:
            route = getattr(scope.get("route"), "path", "?")
            log.exception("a request failed: %s %s", scope["method"], route)
            if started:  # nothing can be said any more; the connection is closed
                raise
            await failure().response()(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            raise Problem(
                "wrong-host", "Use the address that the service printed, or start it with --allow-host NAME."
            )

    def _check_origin(self, method: str, headers: Headers) -> None:
        """Refuse requests that a page of another site makes with its visitor's credentials."""
        if method in READING:
            return
        origin = headers.get("origin")
        foreign = origin is not None and _netloc(origin) != headers.get("host", "").lower()
        if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise Problem("cross-origin", "Only the service's own page may send this from a browser.")

    async def _identity(self, scope: Scope, headers: Headers) -> Identity | None:
        if not self._credentials:
            return Identity(ANYONE, "administer")
        authorization = headers.get("authorization")
        key = cookie(headers.get("cookie"), COOKIE)
        if authorization is not None:
            identity = await self._signing_in(scope, authorization)
        else:
            identity = await run_in_threadpool(self._sessions.find, key) if key else None
        if identity is not None:
            return identity
        path = scope["path"]
        page = path == INDEX or path.startswith(PAGE)
        if path in ALWAYS_OPEN or (page and self._credentials.page_signs_in):
            return None
        raise Problem(
            "unauthorised",
            "Sign in, or send a token or password that this service knows.",
            headers={"WWW-Authenticate": self._credentials.challenge},
        )

    async def _signing_in(self, scope: Scope, authorization: str) -> Identity | None:
        address = client_network(scope)
        await run_in_threadpool(check_attempts, self._attempts, address)
        check = self._credentials.check
        identity = await run_in_threadpool(check, authorization, hashing=False)
        if identity is None:
            async with HASHING:  # many attempts at the same time must not all come before the first failure
                await run_in_threadpool(check_attempts, self._attempts, address)
                identity = await run_in_threadpool(check, authorization)
                if identity is None:
                    await run_in_threadpool(failed_attempt, self._attempts, address)
        if identity is not None:
            await run_in_threadpool(self._attempts.succeeded, address)
        return identity


def check_attempts(attempts: Attempts, address: str) -> None:
    """Raises `Problem` 429 for an address from which too many attempts to sign in failed."""
    if wait := attempts.wait(address):
        seconds = math.ceil(wait)
        raise Problem(
            "too-many-attempts",
            f"Too many attempts failed; try again in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


def failed_attempt(attempts: Attempts, address: str) -> None:
    """Count and log a failed attempt to sign in."""
    log.warning("sign-in failed from %s, %d in a row", address, attempts.failed(address))


def client_network(scope: Scope) -> str:
    """Return the address of a client, or its IPv6 network, because a client has many addresses in it."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))


def _check_size(path: str, headers: Headers) -> None:
    """Limit bodies other than uploads, because FastAPI reads them whole into memory."""
    announced = headers.get("content-length", "0")
    small = announced.isdigit() and len(announced) < 10 and int(announced) <= BODY_BYTES
    if path not in UPLOADS and not path.startswith(STOW) and (not small or "transfer-encoding" in headers):
        raise Problem(
            "too-large", f"Announce a Content-Length of at most {BODY_BYTES} bytes; shorten what you send."
        )


def _name(host: str) -> str:
    """A Host header without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def cookie(header: str | None, name: str) -> str | None:
    """The value of a cookie in a Cookie header."""
    try:
        morsel = SimpleCookie(header or "").get(name)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
