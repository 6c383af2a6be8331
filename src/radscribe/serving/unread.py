"""An upload that is refused before its end: the rest is read and dropped, so that the client sees why.

A server that closes a connection with unread bytes resets it, and the answer is lost (RFC 9112 9.6).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = 2.0  # at most; who sends on for longer is cut off


class ReadToEnd:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        whole = False

        async def receiving() -> Message:
            nonlocal whole
            message = await receive()
            whole = whole or not message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                with suppress(TimeoutError):
                    async with asyncio.timeout(SECONDS):
                        while not whole:
                            await receiving()
            await send(message)

        await self._app(scope, receiving, sending)
