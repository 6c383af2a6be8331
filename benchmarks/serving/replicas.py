"""Several processes behind nginx on one PostgreSQL: what a kill and a restart of the database cost.

    python -m benchmarks.serving.replicas [--seconds 120] [--clients 64] [--processes 3]

1. Throughput of one process and of two, one encoder thread each.
2. One process after the other is killed by SIGKILL every ten seconds and started again, under load.
3. PostgreSQL restarts under load.

After 2 and 3, each study that the service accepted must have exactly one draft by the audit trail, the trail
must be a chain, and the only answers of 5xx may be to requests that were open at a kill or a restart.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks.serving.nginx import Nginx
from benchmarks.serving.postgres import Postgres
from benchmarks.serving.running import RunningService, draw, free_port, multipart

FILES, SIZE = 16, 256
ROUNDS = 5  # of throughput
EVERY = 10.0  # seconds from one kill to the next
OPEN_SECONDS = 2.0  # after a kill, in which its open requests have been answered
QUERY = """
SELECT s.id, s.status, (SELECT count(*) FROM captions c WHERE c.study_id = s.id),
       (SELECT count(*) FROM audit a WHERE a.study_id = s.id AND a.action IN ('done', 'refused', 'failed'))
FROM studies s
"""


@dataclass
class Seen:
    """Answers that the clients received."""

    told: set[str] = field(default_factory=set)  # ids of studies that were accepted
    answers: list[tuple[float, float, int]] = field(default_factory=list)  # start, end, status

    def by_status(self) -> dict[int, int]:
        """Number of answers by status; 0 is a connection that ended without one."""
        return dict(sorted(Counter(status for _, _, status in self.answers).items()))

    def unexplained(self, cuts: Sequence[tuple[float, float]]) -> int:
        """Answers of 5xx to requests that were not open within one of the intervals."""
        return sum(
            status >= 500 and not any(start <= until and end >= at for at, until in cuts)
            for start, end, status in self.answers
        )


async def client(port: int, requests: list[bytes], first: int, ends: float, seen: Seen) -> None:
    """Post one study after the other over one connection, opened again where it was closed."""
    writer = None
    for number in itertools.count(first):
        started = time.monotonic()
        if started > ends:
            break
        status = 0
        with suppress(OSError, EOFError):
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(requests[number % len(requests)])
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            body = await reader.readexactly(int(head.split("content-length:", 1)[1].split("\r\n", 1)[0]))
            status = int(head.split(" ", 2)[1])
            if status in (200, 202):
                seen.told.add(json.loads(body)["id"])
        seen.answers.append((started, time.monotonic(), status))
        if status not in (200, 202):
            await asyncio.sleep(0.5)
        if status in (0, 502, 504) and writer is not None:
            writer.close()
            writer = None
    if writer is not None:
        writer.close()


async def load(port: int, files: list[Path], clients: int, seconds: float, seen: Seen) -> None:
    """Let clients post for some seconds."""
    requests = []
    for file in files:
        kind, body = multipart(file)
        head = (
            f"POST /v1/captions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    ends = time.monotonic() + seconds
    await asyncio.gather(*(client(port, requests, n, ends, seen) for n in range(clients)))


class Service:
    """Processes of the service on one database and one folder, and nginx in front of them."""

    def __init__(self, folder: Path, url: str, processes: int, held: ExitStack) -> None:
        self._folder, self._options = folder, ("--database", url, "--threads", "1", "--keep-free", "0")
        self._held = held
        self.ports = [free_port() for _ in range(processes)]
        self.running = [self._start(port) for port in self.ports]
        self.nginx = held.enter_context(Nginx(self.ports))

    def _start(self, port: int) -> RunningService:
        return self._held.enter_context(RunningService(self._folder / "store", *self._options, port=port))

    async def kill_in_turn(self, seconds: float) -> list[tuple[float, float]]:
        """Kill one process every ten seconds, or when all are up again; start it again; return when."""
        cuts: list[tuple[float, float]] = []
        starting: dict[int, asyncio.Task[RunningService]] = {}
        started = time.monotonic()
        for number in itertools.count():
            until = started + EVERY * (number + 1)
            await asyncio.sleep(max(0, min(until, started + seconds) - time.monotonic()))
            which = number % len(self.running)
            for killed in list(starting):
                self.running[killed] = await starting.pop(killed)
            at = time.monotonic()
            if at > started + seconds - OPEN_SECONDS:
                break
            self.running[which].kill()
            cuts.append((at, at + OPEN_SECONDS))
            starting[which] = asyncio.create_task(asyncio.to_thread(self._start, self.ports[which]))
        for which, task in starting.items():
            self.running[which] = await task
        return cuts


def check(url: str, folder: Path, seen: Seen, cuts: list[tuple[float, float]]) -> bool:
    """Wait until every study has a draft, and print what became of the accepted studies."""
    give_up = time.monotonic() + 600
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < give_up:
            rows = connection.execute(QUERY).fetchall()
            if not any(status in ("queued", "running") for _, status, _, _ in rows):
                break
            time.sleep(0.5)
    drafts = {row[0]: (row[2], row[3]) for row in rows}
    lost = [study for study in seen.told if drafts.get(study, (0, 0))[0] == 0]
    twice = [study for study, (captions, written) in drafts.items() if max(captions, written) > 1]
    open_ = [row[0] for row in rows if row[1] in ("queued", "running")]
    print(f"answers by status: {seen.by_status()}")
    print(
        f"{len(seen.told)} studies accepted as far as clients know, {len(rows)} in the database; "
        f"{len(lost)} lost, {len(twice)} captioned twice, {len(open_)} without a draft"
    )
    unexplained = seen.unexplained(cuts)
    print(f"answers of 5xx to requests that no kill or restart cut: {unexplained}")
    command = [sys.executable, "-m", "radscribe.cli.main", "audit", "verify"]
    verified = subprocess.run(
        [*command, "--store", str(folder / "store"), "--database", url],
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"audit verify: {(verified.stdout or verified.stderr).strip()}", flush=True)
    return not (lost or twice or open_ or unexplained or verified.returncode)


def throughput(files: list[Path], clients: int, seconds: float) -> None:
    """Print the pace of one process and of two, in turn, so that other load on the machine hits both."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        postgres = Postgres(durable=True)
        held.callback(postgres.remove)
        both = Service(folder, postgres.url, 2, held).nginx
        one = held.enter_context(Nginx(both.ports[:1]))
        asyncio.run(load(both.port, files, clients, 3, Seen()))
        pace: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(ROUNDS):
            for processes, proxy in ((1, one), (2, both)):
                seen = Seen()
                asyncio.run(load(proxy.port, files, clients, seconds / ROUNDS, seen))
                pace[processes].append(len(seen.told) * ROUNDS / seconds)
    for processes, found in pace.items():
        print(f"{processes} processes: {', '.join(f'{n:.1f}' for n in found)} studies/s")
    ratios = sorted(two / one for one, two in zip(pace[1], pace[2], strict=True))
    print(
        f"2 processes against 1: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--skip-throughput", action="store_true", help="only kill and restart")
    parser.add_argument("--skip-kills", action="store_true", help="only measure throughput")
    arguments = parser.parse_args()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        files = draw(folder / "images", FILES, SIZE)
        if not arguments.skip_throughput:
            throughput(files, arguments.clients, arguments.seconds / 3)
        if arguments.skip_kills:
            return 0
        postgres = Postgres(durable=True)
        held.callback(postgres.remove)
        service = Service(folder, postgres.url, arguments.processes, held)
        port = service.nginx.port

        async def killing(seen: Seen) -> list[tuple[float, float]]:
            working = load(port, files, arguments.clients, arguments.seconds, seen)
            _, cuts = await asyncio.gather(working, service.kill_in_turn(arguments.seconds))
            return cuts

        async def restarting(seen: Seen) -> list[tuple[float, float]]:
            working = asyncio.create_task(load(port, files, arguments.clients, 20, seen))
            await asyncio.sleep(6)
            at = time.monotonic()
            await asyncio.to_thread(postgres.stop)
            await asyncio.sleep(3)
            await asyncio.to_thread(postgres.start)
            cuts = [(at, time.monotonic() + OPEN_SECONDS)]
            await working
            return cuts

        seen = Seen()
        cuts = asyncio.run(killing(seen))
        print(f"{arguments.processes} processes, {len(cuts)} kills in {arguments.seconds:g} s:")
        right = check(postgres.url, folder, seen, cuts)
        seen = Seen()
        cuts = asyncio.run(restarting(seen))
        print(f"PostgreSQL restarted, away for {cuts[0][1] - cuts[0][0] - OPEN_SECONDS:.1f} s:")
        right &= check(postgres.url, folder, seen, cuts)
        print(f"nginx's errors of both parts: {service.nginx.errors()}")
    return int(not right)


if __name__ == "__main__":
    raise SystemExit(main())
