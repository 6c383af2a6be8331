"""What a connection may cost before a request is understood."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from radscribe.serving.server import Connections, LimitedProtocol
from radscribe.serving.settings import ConnectionLimits

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body and answers."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def against(
    limits: ConnectionLimits, attack: Callable[[Callable[[], Awaitable[Streams]]], Awaitable[Any]]
) -> Any:
    """Run `attack(connect)` against a server with these limits."""

    async def run() -> Any:
        config = uvicorn.Config(application, timeout_keep_alive=limits.idle_seconds)
        config.load()
        protocol = type("Protocol", (LimitedProtocol,), {"registry": Connections(limits)})
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(10):
            result = await attack(lambda: asyncio.open_connection("127.0.0.1", port))
        server.close()
        return result

    return asyncio.run(run())


async def answer(streams: Streams, *parts: bytes) -> bytes:
    reader, writer = streams
    for part in parts:
        writer.write(part)
    return await reader.read()


async def flood(streams: Streams, part: bytes, most: int) -> tuple[int, bytes]:
    """Send a part again and again until the server hangs up: bytes that it took, and its answer."""
    reader, writer = streams
    sent = 0
    try:
        while sent < most and not reader.at_eof():
            writer.write(part)
            await writer.drain()
            sent += len(part)
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    try:
        return sent, await reader.read()
    except ConnectionError:
        return sent, b""


def test_endless_headers_are_refused_within_a_megabyte() -> None:
    async def attack(connect: Connect) -> tuple[int, bytes]:
        streams = await connect()
        streams[1].write(HEAD)
        return await flood(streams, b"X: y\r\n" * 1000, 50_000_000)

    sent, said = against(ConnectionLimits(), attack)
    assert sent < 10_000_000  # what the kernel's buffers hold
    assert said.startswith(b"HTTP/1.1 431 ") or not said


def test_one_endless_header_is_refused() -> None:
    async def attack(connect: Connect) -> tuple[int, bytes]:
        streams = await connect()
        streams[1].write(HEAD + b"X: ")
        return await flood(streams, b"y" * 10_000, 50_000_000)

    sent, said = against(ConnectionLimits(), attack)
    assert sent < 10_000_000
    assert said.startswith(b"HTTP/1.1 431 ") or not said


def test_a_head_of_70_kb_is_answered_431_with_the_security_headers() -> None:
    async def attack(connect: Connect) -> bytes:
        return await answer(await connect(), HEAD, b"X: " + b"y" * 70_000 + b"\r\n\r\n")

    said = against(ConnectionLimits(), attack)
    assert said.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in said
    assert b"Content-Security-Policy: " in said


def test_what_is_no_http_is_answered_400_with_the_security_headers() -> None:
    async def attack(connect: Connect) -> bytes:
        return await answer(await connect(), b"nonsense\r\n\r\n")

    said = against(ConnectionLimits(), attack)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"X-Frame-Options: DENY" in said


def test_endless_trailers_are_refused() -> None:
    async def attack(connect: Connect) -> tuple[int, bytes]:
        streams = await connect()
        streams[1].write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ")
        return await flood(streams, b"y" * 10_000, 50_000_000)

    sent, _ = against(ConnectionLimits(), attack)
    assert sent < 10_000_000


def test_connections_without_a_head_are_closed() -> None:
    limits = ConnectionLimits(head_seconds=0.2)

    async def attack(connect: Connect) -> list[bytes]:
        silent, half, second = await connect(), await connect(), await connect()
        # The second request of a connection has the same time, however slowly its bytes come.
        second[1].write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await second[0].readexactly(15)
        second[1].write(b"G")
        half[1].write(HEAD)
        return [await streams[0].read() for streams in (silent, half, second)]

    silent, half, second = against(limits, attack)
    assert (silent, half) == (b"", b"")
    assert second.endswith(b"ok")


def test_a_slow_body_is_cut_off_and_a_quick_one_is_not() -> None:
    limits = ConnectionLimits(rate=1000, rate_seconds=0.2)

    async def attack(connect: Connect) -> list[bytes]:
        slow, quick = await connect(), await connect()
        slow[1].write(HEAD + b"Content-Length: 100000\r\n\r\n")

        async def send() -> None:
            quick[1].write(HEAD + b"Content-Length: 5000\r\nConnection: close\r\n\r\n")
            for _ in range(10):
                quick[1].write(b"x" * 500)
                await asyncio.sleep(0.06)

        await asyncio.gather(send(), slow[0].readexactly(12))
        return [b"HTTP/1.1 408" + await slow[0].read(), await quick[0].read()]

    slow, quick = against(limits, attack)
    assert b"bytes per second" in slow
    assert quick.startswith(b"HTTP/1.1 200 ")


def test_too_many_connections_replace_the_oldest_idle_one() -> None:
    limits = ConnectionLimits(connections=3)

    async def attack(connect: Connect) -> tuple[bytes, bytes]:
        idle = [await connect() for _ in range(3)]
        await asyncio.sleep(0.05)
        honest = await connect()
        said = await answer(honest, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        try:
            first = await idle[0][0].read()
        except ConnectionError:
            first = b""
        return said, first

    said, first = against(limits, attack)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert first == b""


def test_large_bodies_one_after_the_other_are_no_attack() -> None:
    async def attack(connect: Connect) -> list[bytes]:
        reader, writer = await connect()
        said = []
        for size in (900_000, 400_000, 70_000):
            writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
            await writer.drain()
            said.append((await reader.readuntil(b"ok"))[:12])
        return said

    assert against(ConnectionLimits(), attack) == [b"HTTP/1.1 200"] * 3
