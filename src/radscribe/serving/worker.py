"""The thread that captions: it passes waiting studies through `Captioner.stream` in batches."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from radscribe.errors import UsageError
from radscribe.inference.caption import Caption
from radscribe.inference.inputs import Prior, StudyInput, as_study, with_context
from radscribe.serving.draft import draft_of, failed
from radscribe.serving.metrics import Metrics
from radscribe.serving.queue import Finished, Job, StudyQueue
from radscribe.serving.store import writes
from radscribe.serving.store.database import SILENT
from radscribe.serving.store.records import Draft, Shipping
from radscribe.serving.store.store import Store

log = logging.getLogger(__name__)
RETRY_SECONDS = 5.0  # from one try to write a draft to the next
MARKED = 32  # studies whose status is set to running in one commit
FAILED = "the engine failed over this study; report it, with the study if you may share it"


class Engine(Protocol):
    """The part of `Captioner` that the service uses."""

    @property
    def bundle(self) -> str: ...

    @property
    def stream(self) -> Callable[..., Iterator[Caption]]: ...


class CaptionWorker:
    """Takes studies from the queue and writes one draft per study.

    If the engine fails on a batch, its studies are retried one by one, so that only the faulty one fails.

    Parameters
    ----------
    lost : callable
        Called with a job that was deleted or taken by another replica.
    shippings : sequence of Shipping
        What is to be sent of each draft.
    """

    def __init__(
        self,
        engine: Engine,
        queue: StudyQueue,
        store: Store,
        metrics: Metrics,
        lost: Callable[[Job], None],
        shippings: Sequence[Shipping] = (),
    ) -> None:
        self._shippings = shippings
        self._lost = lost
        self._engine, self._queue, self._store, self._metrics = engine, queue, store, metrics
        self._taken: deque[Job] = deque()  # off the queue, still to be handed to the engine
        self._running: deque[Job] = deque()  # handed to the engine, in order
        self._heard = 0.0  # when the engine last took a batch or gave a caption
        self._thread = threading.Thread(target=self._run, name="caption-worker", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the worker is still running."""
        return self._thread.is_alive()

    @property
    def silent_seconds(self) -> float:
        """Seconds since the engine last took a batch or returned a caption; 0 if it is idle."""
        return time.monotonic() - self._heard if self._running or self._taken else 0.0

    def close(self) -> None:
        """Finish the studies in the engine, then stop."""
        self._queue.close()
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.wait()) is not None:
            started, count = time.perf_counter(), 0
            self._heard = time.monotonic()
            self._taken.append(first)
            try:
                for caption in self._engine.stream(self._sources(first), **first.options.arguments()):
                    self._heard = time.monotonic()
                    job = self._running[0]
                    draft = draft_of(caption, job)  # if this fails, the job stays in `_running`
                    self._running.popleft()
                    self._finish(job, draft)
                    count += 1
            except UsageError as error:  # options that this bundle does not take
                self._apart(str(error))
            except Exception:
                log.exception("the engine failed over %d studies", len(self._running))
                self._apart(FAILED)
            if count:
                self._queue.finished((time.perf_counter() - started) / count)

    def _sources(self, first: Job) -> Iterator[list[Path] | StudyInput]:
        """Yield the images of the first study, then of waiting studies with the same options."""
        passed = 0
        while self._taken:
            self._mark()
            while self._taken:
                passed += 1
                self._running.append(self._taken.popleft())
                yield _source(self._running[-1])
            if not first.alone:
                self._taken.extend(self._queue.take(first.options, MARKED, passed))

    def _mark(self) -> None:
        """Mark what was taken as running, so that a crash counts as an attempt; put aside what others have.

        A database that does not answer holds nothing up: a draft is written once, whoever makes it.
        """
        ids = [job.id for job in self._taken]
        try:
            mine = self._store.write(writes.mark_running, ids, self._store.replica).result()
        except SQLAlchemyError as error:
            log.warning("studies could not be marked as running: %s", error)
            return
        for job in [job for job in self._taken if job.id not in mine]:
            self._taken.remove(job)
            self._lost(job)

    def _apart(self, why: str) -> None:
        """After a failure of the engine, fail a single study or retry each study of a batch alone."""
        if not (self._running or self._taken):
            return  # it failed after its last caption
        running = list(self._running) or [self._taken.popleft()]  # none: it failed before it took any
        taken = list(self._taken)
        self._running.clear()
        self._taken.clear()
        for job in reversed(taken):
            self._queue.put(job, first=True)
        if len(running) == 1:
            self._finish(running[0], failed(running[0], self._engine.bundle, why))
            return
        for job in reversed(running):
            job.alone = True
            self._queue.put(job, first=True)

    def _finish(self, job: Job, draft: Draft) -> None:
        written = self._store.write(writes.finish, job.id, draft, self._shippings)
        written.add_done_callback(partial(self._settle, job, draft))

    def _settle(self, job: Job, draft: Draft, written: Future[str | None]) -> None:
        """Hand a written draft to waiting requests; retry while the database does not answer."""
        error = written.exception()
        if isinstance(error, SILENT):
            log.warning("a draft waits for the database: %s", error)
            again = threading.Timer(RETRY_SECONDS, self._finish, (job, draft))
            again.daemon = True
            again.start()
            return
        self._queue.release(job.client)
        if error is None:
            if written.result() is not None:
                self._metrics.captioned(draft.status)
            job.done.set_result(Finished(draft, written.result()))
        else:  # the store still lists it as queued, so the next start captions it
            log.error("a draft could not be written: %s", error)
            job.done.set_exception(error)


def _source(job: Job) -> list[Path] | StudyInput:
    """The images of a study, with its context if it has one."""
    images = list(job.images.values())
    if not (job.options.indication or job.prior):
        return images
    prior = Prior(list(job.prior)) if job.prior else None
    return with_context(as_study(images), job.options.indication or None, prior)
