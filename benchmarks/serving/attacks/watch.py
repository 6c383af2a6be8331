"""Cost of an attack: memory of the service with its children, and response time of `/healthz`."""

from __future__ import annotations

import http.client
import threading
import time
from pathlib import Path
from types import TracebackType

from benchmarks.serving.running import RunningService

PAUSE = 0.1  # seconds between two looks


class Watch:
    """Samples while the block runs.

    Attributes
    ----------
    peak : float
        Resident memory of the service and its children at most, MB.
    slowest : float
        Longest time that `/healthz` took, seconds.
    unanswered : int
        Looks that got no answer within 10 seconds.
    """

    def __init__(self, service: RunningService) -> None:
        self._service = service
        self.before = tree_memory(service.process.pid)
        self.peak, self.slowest, self.unanswered = self.before, 0.0, 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._memory, self._health)]

    def __enter__(self) -> Watch:
        self._started = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.monotonic() - self._started
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _memory(self) -> None:
        while not self._stop.wait(PAUSE):
            self.peak = max(self.peak, tree_memory(self._service.process.pid))

    def _health(self) -> None:
        while not self._stop.wait(PAUSE):
            started = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=10)
            try:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                self.unanswered += 1
            finally:
                connection.close()
            self.slowest = max(self.slowest, time.monotonic() - started)


def tree_memory(pid: int) -> float:
    """Resident memory of a process and all below it, MB."""
    pages = 0
    for found in (pid, *_descendants(pid)):
        try:
            pages += int(Path(f"/proc/{found}/statm").read_text().split()[1])
        except (OSError, IndexError):
            continue  # it has ended
    return pages * 4096 / 1e6


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *_descendants(child)]
    except OSError:
        pass
    return found
