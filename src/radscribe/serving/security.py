"""What stands before every route: names answered to, other sites, credentials; and headers of all answers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radscribe.serving.problems import Problem
from radscribe.serving.settings import Settings

log = logging.getLogger(__name__)
COOKIE = "radscribe_session"
UPLOADS = "/v1/captions"  # has limits of its own
BODY_BYTES = 200_000
READING = frozenset({"GET", "HEAD", "OPTIONS"})
ALWAYS_OPEN = frozenset({"/healthz", "/readyz"})
PAGE = ("/static/",)  # open where the page must ask for the token; they hold no data
PAGE_PATHS = frozenset({"/", "/v1/session"})
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
    """ASGI middleware; who passed stands in `scope["actor"]`."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._credentials = settings.credentials
        self._hosts = settings.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        send = _with_headers(send)
        try:
            self._check_host(headers)
            self._check_origin(scope["method"], headers)
            scope["actor"] = self._actor(scope["path"], headers)
            _check_size(scope["path"], headers)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            log.exception(
                "a request failed: %s %s", scope["method"], getattr(scope.get("route"), "path", "?")
            )
            if started:  # nothing can be said any more; the connection is closed
                raise
            detail = "This should not have happened; the service's log says more. Try again, or report it."
            await Problem("internal", detail).response()(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            raise Problem(
                "wrong-host", "Use the address that the service printed, or start it with --allow-host NAME."
            )

    def _check_origin(self, method: str, headers: Headers) -> None:
        """A page of another site must not act here with the credentials of who looks at it."""
        if method in READING:
            return
        origin = headers.get("origin")
        foreign = origin is not None and _netloc(origin) != headers.get("host", "").lower()
        if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise Problem("cross-origin", "Only the service's own page may send this from a browser.")

    def _actor(self, path: str, headers: Headers) -> str:
        actor = self._credentials.actor(headers.get("authorization"), _cookie(headers.get("cookie")))
        if actor is not None:
            return actor
        page = path in PAGE_PATHS or path.startswith(PAGE)
        if path in ALWAYS_OPEN or (page and self._credentials.by_token_alone):
            return "nobody"
        raise Problem(
            "unauthorised",
            "Send the credentials that the service was started with.",
            headers={"WWW-Authenticate": self._credentials.challenge},
        )


def _check_size(path: str, headers: Headers) -> None:
    """What is not an upload is small; FastAPI would read it whole into memory."""
    announced = headers.get("content-length", "0")
    small = announced.isdigit() and len(announced) < 10 and int(announced) <= BODY_BYTES
    if path != UPLOADS and (not small or "transfer-encoding" in headers):
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


def _cookie(header: str | None) -> str | None:
    try:
        morsel = SimpleCookie(header or "").get(COOKIE)
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
