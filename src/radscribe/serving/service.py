"""`Service`: store, queue, engine and intake of one process, from their start to their end."""

from __future__ import annotations

import asyncio
import logging
import math
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

import radscribe
from radscribe.bundle import format as bundle_format
from radscribe.serving import arrivals
from radscribe.serving.arrivals import Arrivals
from radscribe.serving.cleaning import Sandbox
from radscribe.serving.counters import Attempts, Counters
from radscribe.serving.intake import FairSlots, Intake
from radscribe.serving.metrics import Metrics, SharedMetrics
from radscribe.serving.problems import Problem
from radscribe.serving.queue import StudyQueue
from radscribe.serving.sessions import Sessions
from radscribe.serving.settings import Settings
from radscribe.serving.store import reads, writes
from radscribe.serving.store.records import Shipping
from radscribe.serving.store.store import Store
from radscribe.serving.worker import CaptionWorker, Engine
from radscribe.serving.workers import Worker

if TYPE_CHECKING:
    from radscribe.interop.node import Node
    from radscribe.serving.outbox import Outbox

log = logging.getLogger(__name__)
SWEEP_SECONDS = 3600.0


def _engine(settings: Settings, bundle: Path) -> Engine:
    """The bundle's captioner, or a guarded one that is not ours."""
    if settings.guard:
        return radscribe.guard(settings.guard, bundle, threads=settings.threads)
    return radscribe.load(bundle, threads=settings.threads)


class Service:
    """The parts of the service that the routes use.

    Parameters
    ----------
    load : callable, optional
        Makes the engine; None loads the bundle of the settings.

    Raises
    ------
    RadscribeError
        The store is in use or does not open, or the bundle does not load.
    """

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Engine] | None = None,
        sandbox: Sandbox | None = None,
        worker: Worker | None = None,
    ) -> None:
        # pydicom's log quotes values of files that bend the standard; no patient data may go to a log.
        logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
        self.settings = settings
        self.metrics = Metrics() if worker is None else SharedMetrics(worker.folder, worker.number)
        self.bundle_folder: Path = bundle_format.locate(settings.bundle)
        self.spec = bundle_format.describe(self.bundle_folder)
        engine: Engine = load() if load else _engine(settings, self.bundle_folder)
        # Warnings quote them too. `catch_warnings` is not thread-safe: leaving it in one thread restores
        # filters that another thread had replaced. So set the filter before the first thread starts.
        warnings.simplefilter("ignore")
        self.store = Store(settings.store, settings.database, settings.images)
        self.sessions = Sessions(self.store, settings.credentials)
        self.counters, self.attempts = Counters(self.store), Attempts(self.store)
        self.queue = StudyQueue(settings.queue)
        self.sandbox = sandbox or Sandbox(settings.intake_processes, settings.intake_seconds)
        self._closes_sandbox = sandbox is None
        self.intake = Intake(settings, self.store, self.queue, engine.bundle, self.sandbox)
        self.dispatcher = self.intake.dispatcher
        if taken := self.dispatcher.start():
            log.warning("took up %d studies that were accepted before", taken)
        self.outbox, self.shippings = self._open_outbox()
        self.worker = CaptionWorker(
            engine, self.queue, self.store, self.metrics, self.dispatcher.watch, self.shippings
        )
        self.arrivals = Arrivals(
            settings.store / arrivals.FOLDER,
            self.store,
            self.queue,
            self.intake,
            settings.quiet_seconds,
            settings.identity_key if settings.destinations else None,
        )
        # Each request of STOW-RS holds an instance in memory twice, and each of /v1/groups all its files.
        self.storing, self.grouping = FairSlots(6, 3), FairSlots(4, 2)
        self.node = self._listen() if worker is None or worker.number == 0 else None
        self.draining = False
        self._closing, self._close_lock = threading.Event(), threading.Lock()
        self._sweeper = threading.Thread(target=self._sweep, name="sweeper", daemon=True)
        self._sweeper.start()
        self.metrics.gauge(
            "spool_studies", "Studies that came in by DICOM and wait", lambda: len(self.arrivals.spool)
        )
        self.metrics.gauge("queue_waiting", "Studies that wait for the engine", lambda: len(self.queue))
        self.metrics.gauge("studies_unfinished", "Studies of all replicas without a draft", self._unfinished)
        self.metrics.gauge("queue_held", "Studies under way, uploads included", lambda: self.queue.held)
        self.metrics.gauge("queue_capacity", "Studies under way at most", lambda: self.queue.capacity)
        self.metrics.gauge(
            "engine_silent_seconds",
            "Seconds since the engine last took a batch or gave a caption; 0 if it is idle",
            lambda: self.worker.silent_seconds,
        )

    def _open_outbox(self) -> tuple[Outbox | None, tuple[Shipping, ...]]:
        settings = self.settings
        if not settings.destinations or settings.identity_key is None:
            return None, ()
        from radscribe.serving.outbox import Outbox, shippings  # needs the extra "interop"

        outbox = Outbox(
            settings.destinations, self.store, settings.identity_key, self.metrics, settings.organisation
        )
        return outbox, shippings(settings.destinations)

    def _listen(self) -> Node | None:
        """Start the DICOM node; of several workers, only the first one has it."""
        if self.settings.node is None:
            return None
        from radscribe.interop.node import Node  # needs the extra "interop"

        node = Node(self.settings.node, self.arrivals.spool, lambda: self.has_room)
        self.metrics.gauge("dicom_associations", "Open associations", lambda: node.associations)
        for what in ("received", "refused"):
            self.metrics.gauge(
                f"dicom_instances_{what}",
                f"Instances {what} since the start",
                partial(node.count, what),
            )
        return node

    @property
    def stuck(self) -> bool:
        """Whether the engine seems to hang."""
        return self.worker.silent_seconds > self.settings.stuck_seconds

    @property
    def ready(self) -> bool:
        """Whether the service accepts and captions studies."""
        return not self.draining and self.worker.alive

    @property
    def has_room(self) -> bool:
        """Whether the disks for studies and uploads have the free space that the settings require."""
        folders = (self.settings.store, Path(tempfile.gettempdir()))
        return all(shutil.disk_usage(folder).free >= self.settings.free_bytes for folder in folders)

    async def audit_read(self, study_id: str, actor: str, what: str) -> None:
        """Record in the audit trail that somebody read a study, if the settings require it."""
        if self.settings.audit_reads:
            await asyncio.wrap_future(self.store.write(writes.record_read, study_id, actor, what))

    def count_upload(self, client: str) -> None:
        """Count a study of a client; raises `Problem` 429 if there are too many in a minute."""
        most = self.settings.client_rate
        if most is None:
            return
        count, left = self.counters.count(f"upload {client}", 60.0)
        if count > most:
            seconds = max(1, math.ceil(left))
            raise Problem(
                "too-many-uploads",
                f"You may send {most} studies per minute; try again in {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )

    def _unfinished(self) -> float:
        try:
            return self.store.read(reads.unfinished)
        except SQLAlchemyError:
            return math.nan

    def drain(self) -> bool:
        """Refuse new studies and wait for accepted ones; return False if they take too long."""
        self.draining = self.dispatcher.draining = True
        self._stop_receiving()
        return self.queue.wait_empty(self.settings.drain_seconds)

    def _stop_receiving(self) -> None:
        """End the node; what it acknowledged and the intake has not yet stays in the spool."""
        if self.node is not None:
            self.node.close()
        self.arrivals.close()

    def close(self) -> None:
        """Stop, once; the next start captions accepted studies that have no draft yet."""
        with self._close_lock:
            if self._closing.is_set():
                return
            self._close()

    def _close(self) -> None:
        self.draining = True
        self._stop_receiving()
        self._closing.set()
        self._sweeper.join()
        self.worker.close()
        if self.outbox is not None:
            self.outbox.close()
        self.metrics.close()
        self.intake.close()
        self.dispatcher.close()
        if self._closes_sandbox:
            self.sandbox.close()
        self.store.close()

    def _sweep(self) -> None:
        while True:
            try:
                if erased := self.store.sweep(self.settings.retain_days):
                    log.info("erased %d studies", erased)
            except Exception:
                log.exception("the sweep failed; the next one tries again")
            if self._closing.wait(SWEEP_SECONDS):
                return
