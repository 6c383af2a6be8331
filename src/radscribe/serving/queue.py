"""The bounded queue in front of the engine: first come, first served, grouped by options."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from radscribe.serving.options import CaptionOptions
from radscribe.serving.problems import Problem
from radscribe.serving.store.records import Draft

PASSED = 64  # studies that may overtake one of other options, so that batches stay full
PACE = 0.1  # share of the newest study in the moving average of the pace


@dataclass(frozen=True, slots=True)
class Finished:
    """A draft, and the time when it was written.

    The time is None if the study had been deleted or another replica had written its draft: the store has
    what became of it.
    """

    draft: Draft | None
    at: str | None


@dataclass(slots=True)
class Job:
    """A study that was accepted and has no draft yet.

    Parameters
    ----------
    images : dict of str to Path
        Client's name → stored file, in the client's order.
    errors : dict of str to str
        Client's name → why that file could not be read as an image.
    alone : bool
        Whether to caption it on its own, because the engine failed or died on a batch with it.
    client : str
        Client that sent it and holds a place in the queue.
    prior : tuple of Path
        Stored images of the earlier study that it is compared with.
    """

    id: str
    study: str
    names: tuple[str, ...]
    images: dict[str, Path]
    errors: dict[str, str]
    options: CaptionOptions
    alone: bool = False
    client: str = ""
    prior: tuple[Path, ...] = ()
    done: Future[Finished] = field(default_factory=Future)


class StudyQueue:
    """Studies from their upload to their draft.

    Parameters
    ----------
    capacity : int
        Number of studies that may be in progress (uploading, waiting or in the engine). One client gets at
        most three quarters of them.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._held = 0
        self._held_by: Counter[str] = Counter()
        self._per_client = capacity - capacity // 4
        self._closed = False
        self._seconds = 0.05  # per study, moving average

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def held(self) -> int:
        """Number of places that are taken."""
        return self._held

    def reserve(self, client: str = "", *, beyond: bool = False) -> None:
        """Take a place before the upload is read.

        Parameters
        ----------
        client : str
            Client that sends the study.
        beyond : bool
            Ignore the capacity, for a study that was accepted before a restart.

        Raises
        ------
        Problem
            429, with the number of seconds until a place is likely to be free.
        """
        with self._changed:
            mine = self._held_by[client]
            if not beyond and (self._held >= self.capacity or mine >= self._per_client):
                full = self._held >= self.capacity
                seconds = max(1, math.ceil((self._held if full else mine) * self._seconds / 2))
                which = f"{self._held} studies are" if full else f"{mine} studies of yours are"
                raise Problem(
                    "queue-full",
                    f"{which} under way; try again in {seconds} s.",
                    headers={"Retry-After": str(seconds)},
                )
            self._held += 1
            self._held_by[client] += 1

    def release(self, client: str = "") -> None:
        """Release a place."""
        with self._changed:
            self._held -= 1
            self._held_by[client] -= 1
            if self._held_by[client] <= 0:
                del self._held_by[client]
            self._changed.notify_all()

    def put(self, job: Job, *, first: bool = False) -> None:
        """Add a study whose place is reserved."""
        with self._changed:
            (self._jobs.appendleft if first else self._jobs.append)(job)
            self._changed.notify_all()

    def wait(self) -> Job | None:
        """Wait for the next study and return it, or None if the queue was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            if self._closed:
                return None
            self._changed.notify_all()
            return self._jobs.popleft()

    def take(self, options: CaptionOptions, most: int, passed: int) -> list[Job]:
        """Take waiting studies with the same options; their context may differ.

        Parameters
        ----------
        options : CaptionOptions
            Options of the current batch.
        most : int
            Largest number of studies to take.
        passed : int
            Number of studies that the batch has had so far.

        Returns
        -------
        list of Job
            Empty if none is waiting, or if a study with other options was passed over `PASSED` times.
        """
        with self._changed:
            if not self._jobs or self._closed:
                return []
            if passed >= PASSED and (self._jobs[0].options.shared != options.shared or self._jobs[0].alone):
                return []
            taken: list[Job] = []
            kept: deque[Job] = deque()
            while self._jobs and len(taken) < most:
                job = self._jobs.popleft()
                (taken if job.options.shared == options.shared and not job.alone else kept).append(job)
            self._jobs = kept + self._jobs
            self._changed.notify_all()
            return taken

    def wait_until_short(self, length: int, timeout: float) -> None:
        """Wait until at most `length` studies wait, or `timeout` seconds have passed."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._jobs) <= length or self._closed, timeout)

    def finished(self, seconds: float) -> None:
        """Record the seconds that a study took, to estimate the waiting time of refused clients."""
        self._seconds += PACE * (seconds - self._seconds)

    def close(self) -> None:
        """Stop handing out studies."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_empty(self, timeout: float) -> bool:
        """Wait until no study is in progress; return False if that took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._held == 0, timeout)
