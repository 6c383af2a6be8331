"""uvicorn with limits on what a connection may cost, and a shutdown that loses nothing."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from radscribe.serving.problems import Problem
from radscribe.serving.security import HEADERS
from radscribe.serving.service import Service
from radscribe.serving.settings import ConnectionLimits, Settings
from radscribe.serving.workers import Worker

log = logging.getLogger("uvicorn.error")
CLOSING_SECONDS = 5  # for answers that are being sent when all studies are done
PIPELINED = 16  # requests that a connection may send ahead
OTHER_FILES = 256  # descriptors left for images, the database and child processes
PROXIES = ("127.0.0.1", "::1")  # a proxy on this machine speaks for many clients
LOG_SECONDS = 10.0  # from one line about refused connections to the next


class Connections:
    """Open connections by client, in the order in which they were opened."""

    def __init__(self, limits: ConnectionLimits, proxies: Sequence[str] = ()) -> None:
        self.limits = limits
        self._proxies = [ipaddress.ip_network(proxy) for proxy in (*PROXIES, *proxies)]
        self._open: dict[LimitedProtocol, str] = {}
        self._of_client: Counter[str] = Counter()
        self._dropped, self._logged = 0, 0.0

    def __len__(self) -> int:
        return len(self._open)

    def add(self, protocol: LimitedProtocol, client: str) -> bool:
        """Accept a connection; if there are too many, close the oldest idle one.

        Returns
        -------
        bool
            False if there are too many and none is idle.
        """
        crowded: str | None = None
        if not self._is_proxy(client) and self._of_client[client] >= self.limits.per_client:
            crowded = client
        elif len(self._open) >= self.limits.connections:
            crowded = self._of_client.most_common(1)[0][0]
        if crowded is not None:
            idle = (p for p, of in self._open.items() if of == crowded and p.awaits_head)
            victim = next(idle, None)
            self._report()
            if victim is None:
                return False
            self.remove(victim)
            victim.transport.abort()
        self._open[protocol] = client
        self._of_client[client] += 1
        return True

    def remove(self, protocol: LimitedProtocol) -> None:
        """Forget a connection that was closed."""
        client = self._open.pop(protocol, None)
        if client is not None:
            self._of_client[client] -= 1
            if not self._of_client[client]:
                del self._of_client[client]

    def _is_proxy(self, client: str) -> bool:
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self._proxies)

    def _report(self) -> None:
        self._dropped += 1
        if time.monotonic() - self._logged > LOG_SECONDS:
            log.warning("too many connections (%d open): dropped %d", len(self._open), self._dropped)
            self._dropped, self._logged = 0, time.monotonic()


class LimitedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a bound on the head, and on the time for head, body and answer."""

    registry: Connections  # set by `run`

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.awaits_head = True
        self._limits = self.registry.limits
        self._overhead = 0  # bytes since the last head or body: of a head, of chunk sizes, of trailers
        self._header_bytes = 0
        self._body_bytes = 0
        self._body_of_data = 0  # of what came last
        self._body_before = 0  # at the last look at the rate
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self.registry.add(self, self.client[0] if self.client else ""):
            transport.abort()
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.registry.remove(self)
        self._cancel()
        if self._writing is not None:
            self._writing.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._overhead += len(data)
        self._body_of_data = 0
        super().data_received(data)
        self._overhead = max(0, self._overhead - 16 * self._body_of_data)  # small chunks are no attack
        if self._overhead > self._limits.head_bytes and not self.transport.is_closing():
            self._refuse(Problem("head-too-large", "Send shorter headers and a shorter address."))

    # -- the parser's callbacks --

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self._limits.head_bytes:
            raise ValueError("the head is too large")  # the parser stops, and `send_400_response` answers

    def on_headers_complete(self) -> None:
        self.awaits_head = False
        self._overhead = self._body_bytes = self._body_before = 0
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINED:
            raise ValueError("too many requests were sent ahead")
        self._watch_body()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._body_of_data += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.cycle.response_complete:  # it was refused before its end
            self._expect_head()
        else:
            self._cancel()

    def on_response_complete(self) -> None:
        followed = bool(self.pipeline)
        super().on_response_complete()
        if not followed and not self.transport.is_closing():
            self._expect_head()

    # -- clocks --

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expect_head(self) -> None:
        self._cancel()
        self.awaits_head = True
        self._timer = self.loop.call_later(self._limits.head_seconds, self.transport.close)

    def _watch_body(self) -> None:
        self._cancel()
        self._timer = self.loop.call_later(self._limits.rate_seconds, self._check_rate)

    def _check_rate(self) -> None:
        cycle = self.cycle
        if self.transport.is_closing() or cycle is None or not cycle.more_body:
            return
        slow = self._body_bytes - self._body_before < self._limits.rate * self._limits.rate_seconds
        if slow and not self.flow.read_paused:
            self._refuse(
                Problem(
                    "upload-timeout",
                    f"Less than {self._limits.rate} bytes per second arrived; send it over a faster line.",
                )
            )
            return
        self._body_before = self._body_bytes
        self._watch_body()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self.loop.call_later(self._limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    # -- answers without the application --

    def send_400_response(self, msg: str) -> None:
        if self._header_bytes > self._limits.head_bytes:
            self._refuse(Problem("head-too-large", "Send shorter headers and a shorter address."))
        else:
            self._refuse(Problem("malformed", "This is not HTTP/1.1; check the client."))

    def _refuse(self, problem: Problem) -> None:
        """Answer, unless an answer was begun, and close."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(_raw(problem))
        if cycle is not None:
            cycle.disconnected = True  # whatever reads the body ends
            cycle.message_event.set()
        self.transport.close()


def _raw(problem: Problem) -> bytes:
    response = problem.response()
    head = [f"HTTP/1.1 {response.status_code} {problem.title}".encode()]
    head += [b"%s: %s" % header for header in response.raw_headers]
    head += [f"{name}: {value}".encode() for name, value in HEADERS.items()]
    return b"\r\n".join([*head, b"Connection: close", b"", bytes(response.body)])


class Server(uvicorn.Server):
    """While it drains, it still answers: /readyz says 503, and clients that wait for a caption get it."""

    def __init__(self, config: uvicorn.Config, service: Service, worker: Worker | None) -> None:
        super().__init__(config)
        self._service, self._worker = service, worker

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._worker is not None and self.started:
            self._worker.is_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._service.draining:  # a second signal stops at once
            self.should_exit = self.force_exit = True
            return
        self._service.draining = True
        threading.Thread(target=self._drain, name="drain", daemon=True).start()

    def _drain(self) -> None:
        log.info("finishing accepted studies")
        if not self._service.drain():
            log.warning("not all studies are done; the next start continues with them")
        self.should_exit = True


def run(app: FastAPI, settings: Settings, worker: Worker | None = None) -> None:
    """Serve until a signal, alone or as one of several workers."""
    registry = Connections(_below_the_file_limit(settings.connection_limits), settings.proxies)
    app.state.service.metrics.gauge("connections", "Open connections", lambda: len(registry))
    config = uvicorn.Config(
        app,
        host=settings.host.strip("[]"),
        port=settings.port,
        http=type("Protocol", (LimitedProtocol,), {"registry": registry}),
        log_level="info",
        access_log=False,  # addresses may hold what somebody searched for
        server_header=False,
        forwarded_allow_ips=[*PROXIES, *settings.proxies],
        timeout_keep_alive=settings.connection_limits.idle_seconds,
        timeout_graceful_shutdown=CLOSING_SECONDS,
        ws="none",
    )
    Server(config, app.state.service, worker).run(None if worker is None else [worker.listening])


def _below_the_file_limit(limits: ConnectionLimits) -> ConnectionLimits:
    """Raise the process's limit of open files as far as needed, and stay below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + OTHER_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    most = max(16, soft - OTHER_FILES)
    if most >= limits.connections:
        return limits
    log.warning("the limit of open files allows %d connections", most)
    return replace(limits, connections=most)
