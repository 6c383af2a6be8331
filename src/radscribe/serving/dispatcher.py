"""The thread by which replicas share work: it keeps this replica's lease and takes over studies.

A study is normally captioned by the replica that accepted it, from memory. A replica with enough to do leaves
further studies to whichever replica is free first, and the studies of a replica that died are taken over when
its lease has ended. The replica that accepted a study hears of a draft that another one wrote.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from radscribe.serving.queue import Finished, Job, StudyQueue
from radscribe.serving.store import leases
from radscribe.serving.store.reads import StoredStudy
from radscribe.serving.store.store import Store

log = logging.getLogger(__name__)
AHEAD = 64  # studies that wait in memory; further ones are any replica's
POLL_SECONDS = 0.25


class Dispatcher:
    """Keeps leases, and moves studies between the database and the queue.

    Parameters
    ----------
    take_over : callable
        Queues a study that this replica has claimed.
    """

    def __init__(self, store: Store, queue: StudyQueue, take_over: Callable[[StoredStudy], None]) -> None:
        self._store, self._queue, self._take_over = store, queue, take_over
        self._lock = threading.Lock()
        self._known: set[str] = set()  # studies that this process has, or waits for
        self._elsewhere: dict[str, Job] = {}  # of those, the ones that another replica may caption
        self._renewed = self._patient_until = 0.0
        self._doubt = False  # whether a study may have been accepted without an answer of the database
        self.draining = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> int:
        """Take up studies that were accepted before, then go on in a thread; return their number."""
        if not self._store.shared:
            self._store.lease(leases.end_all)
        self._renew()
        count = 0
        while taken := self._claim():
            count += taken
            if self._store.shared:
                break  # the others are for whoever is free
        self._thread.start()
        return count

    def close(self) -> None:
        """Stop, and leave this replica's studies to others at once."""
        self._closing.set()
        self._thread.join()
        try:
            self._store.lease(leases.release, self._store.replica)
        except SQLAlchemyError as error:
            log.warning("studies are left to other replicas when the lease ends: %s", error)

    def lease(self, study_id: str) -> str | None:
        """Note a study that is about to be accepted; return who gets its lease, None for any replica."""
        with self._lock:
            self._known.add(study_id)
        return self._store.replica if not self._store.shared or len(self._queue) < AHEAD else None

    def forget(self, study_id: str) -> None:
        """Forget a study that was not accepted, as far as is known."""
        with self._lock:
            self._known.discard(study_id)
            self._doubt = True

    def watch(self, job: Job) -> None:
        """Wait for the draft of a study that another replica captions."""
        with self._lock:
            self._elsewhere[job.id] = job

    def track(self, job: Job) -> None:
        """Forget a study when it is done."""
        job.done.add_done_callback(lambda _: self._settled(job.id))

    def _settled(self, study_id: str) -> None:
        with self._lock:
            self._known.discard(study_id)
            self._elsewhere.pop(study_id, None)

    def _run(self) -> None:
        while not self._closing.wait(POLL_SECONDS):
            try:
                if time.monotonic() - self._renewed > leases.RENEW_SECONDS:
                    self._renew()
                self._hear()
                while self._claim() and not self._closing.is_set():
                    self._queue.wait_until_short(AHEAD // 2, POLL_SECONDS)
            except SQLAlchemyError as error:
                # When it answers again, all leases may have ended, of replicas that are well.
                self._patient_until = time.monotonic() + leases.LEASE_SECONDS
                self._renewed = 0.0
                self._doubt = True
                log.warning("the database does not answer: %s", error)
                self._closing.wait(1.0)
            except Exception:
                log.exception("the dispatcher failed; it goes on")
                self._closing.wait(1.0)

    def _renew(self) -> None:
        self._store.lease(leases.renew, self._store.replica)
        self._renewed = time.monotonic()
        if self._doubt:
            self._doubt = False
            for study in self._store.read(leases.leased, self._store.replica):
                self._take(study)

    def _hear(self) -> None:
        """Finish the jobs whose draft another replica has written."""
        with self._lock:
            watched = list(self._elsewhere)
        if not watched:
            return
        for study_id in self._store.read(leases.finished, watched):
            with self._lock:
                job = self._elsewhere.pop(study_id, None)
            if job is not None:
                self._queue.release(job.client)
                job.done.set_result(Finished(None, None))

    def _claim(self) -> int:
        """Take studies that no living replica has; return their number."""
        room = AHEAD - len(self._queue)
        leaving = self.draining and not self._elsewhere
        if room <= 0 or leaving or time.monotonic() < self._patient_until:
            return 0
        taken = self._store.lease(leases.claim, self._store.replica, room)
        # What ran when a replica died comes first and alone: one of them may have been the reason.
        for study in sorted(taken, key=lambda study: -study.attempts):
            self._take(study)
        return len(taken)

    def _take(self, study: StoredStudy) -> None:
        with self._lock:
            mine = self._elsewhere.pop(study.id, None)
            fresh = study.id not in self._known
            self._known.add(study.id)
        if mine is not None:
            self._queue.put(mine)
        elif fresh:
            try:
                self._take_over(study)
            except Exception:
                self.forget(study.id)  # it is ours, and the next renewal takes it up again
                raise
