"""Several processes of one service on one machine: a supervisor forks them and replaces those that die.

All workers accept from one listening socket, so a connection that waits outlives a worker that is killed.
"""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from radscribe.errors import UsageError

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
BACKLOG = 2048  # connections that wait to be accepted
EARLY_SECONDS = 10.0  # a worker that dies sooner is not replaced at once
EARLY_DEATHS = 5  # of these in a row, the service gives up
DEATH_SIGNAL = 1  # prctl(PR_SET_PDEATHSIG)


@dataclass(slots=True)
class Worker:
    """One of the processes.

    Parameters
    ----------
    number : int
        0 to the number of workers less one.
    listening : socket.socket
        Accepts connections, for all workers.
    folder : Path
        Where workers leave their metrics for each other.
    """

    number: int
    listening: socket.socket
    folder: Path
    _telling: int

    def is_ready(self) -> None:
        """Tell the supervisor that this worker serves."""
        if self._telling >= 0:
            os.write(self._telling, b"1")
            os.close(self._telling)
            self._telling = -1


def threads_per_worker(workers: int) -> int:
    """Encoder threads of a worker, so that all together use each core once."""
    return max(1, len(os.sched_getaffinity(0)) // workers)


def fork(count: int, host: str, port: int) -> Worker | int:
    """Fork workers; to be called before any thread starts.

    Returns
    -------
    Worker
        In each worker.
    int
        In the supervisor, when all have ended: the exit code.

    Raises
    ------
    UsageError
        The address cannot be listened on.
    """
    return _Supervisor(count, _listen(host.strip("[]"), port)).run()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise UsageError(
            f"cannot be listened on: {(error.strerror or str(error)).lower()}",
            subject=f"{host}:{port}",
            remedy="choose another --port, or stop what listens there",
        ) from None
    listening.listen(BACKLOG)
    return listening


class _Supervisor:
    def __init__(self, count: int, listening: socket.socket) -> None:
        self._count, self._listening = count, listening
        self._folder = Path(tempfile.mkdtemp(prefix="radscribe-workers-"))
        self._running: dict[int, tuple[int, float]] = {}  # process → number, start
        self._stopping = False
        self._early = 0
        self._code = 0

    def run(self) -> Worker | int:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        worker = self._start_first()
        if worker is None and not self._stopping:
            worker = self._start(range(1, self._count))
        while worker is None and self._running:
            received = signal.sigtimedwait(SIGNALS, 1.0)
            if received is not None and received.si_signo != signal.SIGCHLD:
                self._stop()
            worker = self._start(self._dead())
        if worker is not None:
            return worker
        shutil.rmtree(self._folder, ignore_errors=True)
        return self._code

    def _start_first(self) -> Worker | None:
        """Start one worker and wait until it serves, so that an error in the settings is reported once."""
        hearing, telling = os.pipe()
        worker = self._fork(0, telling)
        if worker is not None:
            os.close(hearing)
            return worker
        os.close(telling)
        os.set_blocking(hearing, False)
        while self._running:
            try:
                if os.read(hearing, 1):
                    break
            except BlockingIOError:
                pass
            received = signal.sigtimedwait(SIGNALS, 0.05)
            if received is not None and received.si_signo != signal.SIGCHLD:
                self._stop()
            if self._reap():
                self._stopping = True
        os.close(hearing)
        return None

    def _start(self, numbers: range | list[int]) -> Worker | None:
        for number in numbers:
            if worker := self._fork(number, -1):
                return worker
        return None

    def _fork(self, number: int, telling: int) -> Worker | None:
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        process = os.fork()
        if process:
            self._running[process] = (number, time.monotonic())
            return None
        os.setpgid(0, 0)  # Ctrl-C reaches the supervisor alone, which passes it on once
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != supervisor:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return Worker(number, self._listening, self._folder, telling)

    def _reap(self) -> list[tuple[int, int, float]]:
        """Number, exit code and age of workers that have ended."""
        ended = []
        while self._running:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                break
            number, started = self._running.pop(process)
            code = os.waitstatus_to_exitcode(status)
            if not self._stopping:  # else it was asked to end, perhaps while it started
                self._code = self._code or max(code, 0)
            ended.append((number, code, time.monotonic() - started))
            (self._folder / f"{number}.prom").unlink(missing_ok=True)
        return ended

    def _dead(self) -> list[int]:
        """Numbers of workers to be replaced."""
        dead = []
        for number, code, age in self._reap():
            if self._stopping:
                continue
            self._code = 0
            log.warning("worker %d died (%d); starting another one", number, code)
            self._early = self._early + 1 if age < EARLY_SECONDS else 0
            if self._early >= EARLY_DEATHS:
                log.error("workers die as soon as they start; giving up")
                self._code = 1
                self._stop()
                return []
            dead.append(number)
        if dead and self._early:
            time.sleep(1.0)
        return dead

    def _stop(self) -> None:
        """Pass a signal on; the second one makes workers stop at once."""
        self._stopping = True
        for process in self._running:
            os.kill(process, signal.SIGTERM)
