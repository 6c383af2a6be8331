"""Shards on one machine: a process per core, each with its own engine."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from radscribe.batch.shard import Counts, Job, worker_of
from radscribe.errors import RadscribeError

ATTEMPTS = 5  # times that a shard may end its worker before it is given up


@dataclass(frozen=True, slots=True)
class Lost:
    """A shard that was given up, because it ended its worker at each attempt."""

    shard: int


@dataclass(slots=True)
class _Member:
    """A worker process and the shard that it has."""

    process: BaseProcess
    pipe: Connection
    shard: int


def run_processes(job: Job, shards: Iterable[int], workers: int) -> Iterator[Counts | Lost]:
    """Caption shards in separate processes; with one worker, in this process.

    A worker that dies is replaced, and its shard is done again.

    Parameters
    ----------
    job : Job
        What to do.
    shards : iterable of int
        The shards, in the order in which they are begun.
    workers : int
        Number of processes.

    Yields
    ------
    Counts or Lost
        One per shard, as each is finished.

    Raises
    ------
    RadscribeError
        A worker could not load the bundle, read the plan or write a shard.
    """
    if workers == 1:
        for shard in shards:
            yield worker_of(job).run(shard)
        return
    waiting, deaths = deque(shards), Counter[int]()
    team: list[_Member] = []
    try:
        while waiting and len(team) < workers:
            team.append(_hire(job, waiting.popleft()))
        while team:
            ready = wait([member.pipe for member in team])
            for member in [one for one in team if one.pipe in ready]:
                shard = member.shard
                try:
                    answer: Counts | RadscribeError = member.pipe.recv()
                except (EOFError, OSError):  # it was killed, by its memory or by an image
                    _dismiss(member)
                    team.remove(member)
                    deaths[shard] += 1
                    if deaths[shard] < ATTEMPTS:
                        waiting.appendleft(shard)
                    else:
                        yield Lost(shard)
                    if waiting:
                        team.append(_hire(job, waiting.popleft()))
                    continue
                if isinstance(answer, RadscribeError):
                    raise answer
                if waiting:
                    member.shard = waiting.popleft()
                    _send(member)
                else:
                    _dismiss(member)
                    team.remove(member)
                yield answer
    finally:
        for member in team:
            member.process.terminate()
            _dismiss(member)


def _hire(job: Job, shard: int) -> _Member:
    """Start a worker with its first shard."""
    context = multiprocessing.get_context("spawn")  # a fork would share the engine's threads
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(job, theirs), daemon=True)
    with _undisturbed():  # a worker that is left without its orders says so in a traceback
        process.start()
    theirs.close()
    member = _Member(process, ours, shard)
    _send(member)
    return member


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back signals that end a command."""
    came: list[int] = []
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and callable(signal.getsignal(number)):
                before[number] = signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in came[:1]:
            signal.raise_signal(number)


def _send(member: _Member) -> None:
    try:
        member.pipe.send(member.shard)
    except OSError:  # it is dead; receiving finds out
        return


def _dismiss(member: _Member) -> None:
    member.pipe.close()
    member.process.join()


def _work(job: Job, pipe: Connection) -> None:
    """A worker process: shards in, counts out, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the main process ends us
    try:
        while True:
            shard = pipe.recv()
            try:
                pipe.send(worker_of(job).run(shard))
            except RadscribeError as error:
                pipe.send(error)
    except (EOFError, OSError):
        return
