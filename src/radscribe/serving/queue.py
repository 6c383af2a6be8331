"""The queue before the engine: bounded, first come first served, but alike options go together."""

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
    """A draft, written to the store at a time; None where the study had been deleted."""

    draft: Draft
    at: str | None


@dataclass(slots=True)
class Job:
    """A study that was accepted and has no draft yet.

    Parameters
    ----------
    images : dict of str to Path
        Client's name → stored file, in the client's order.
    errors : dict of str to str
        Client's name → why that file was no image.
    alone : bool
        Captioned apart from others, since the engine died or failed over a batch with it.
    client : str
        Who sent it, and holds a place of the queue.
    """

    id: str
    study: str
    names: tuple[str, ...]
    images: dict[str, Path]
    errors: dict[str, str]
    options: CaptionOptions
    alone: bool = False
    client: str = ""
    done: Future[Finished] = field(default_factory=Future)


class StudyQueue:
    """Studies from their upload to their draft.

    Parameters
    ----------
    capacity : int
        Studies under way at a time: uploading, waiting and with the engine. One client takes at most three
        quarters of them.
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
        """Places that are taken."""
        return self._held

    def reserve(self, client: str = "", *, beyond: bool = False) -> None:
        """Take a place before the upload is read.

        Parameters
        ----------
        client : str
            Who sends the study.
        beyond : bool
            Take it beyond the capacity, for a study that was accepted before.

        Raises
        ------
        Problem
            429, with the seconds after which a place is likely to be free.
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
        """Give a place back."""
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
        """The next study, when there is one; None when the queue was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            return None if self._closed else self._jobs.popleft()

    def take(self, options: CaptionOptions, most: int, passed: int) -> list[Job]:
        """Those that wait now with the same options; none where another has been passed over too often."""
        with self._changed:
            if not self._jobs or self._closed:
                return []
            if passed >= PASSED and (self._jobs[0].options != options or self._jobs[0].alone):
                return []
            taken: list[Job] = []
            kept: deque[Job] = deque()
            while self._jobs and len(taken) < most:
                job = self._jobs.popleft()
                (taken if job.options == options and not job.alone else kept).append(job)
            self._jobs = kept + self._jobs
            return taken

    def finished(self, seconds: float) -> None:
        """A study took so long; tells those who are refused how long to wait."""
        self._seconds += PACE * (seconds - self._seconds)

    def close(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_empty(self, timeout: float) -> bool:
        """Wait until nothing is under way; False where the time was too short."""
        with self._changed:
            return self._changed.wait_for(lambda: self._held == 0, timeout)
