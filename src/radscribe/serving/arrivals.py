"""Studies that come in by DICOM: from the spool to the queue, once each, when they are complete."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pydicom import Dataset

from radscribe.interop.identity import IdentityKey, identity_of
from radscribe.interop.spool import Spool, Spooled
from radscribe.serving.intake import Intake
from radscribe.serving.options import CaptionOptions, CaptionRequest
from radscribe.serving.problems import Problem
from radscribe.serving.queue import StudyQueue
from radscribe.serving.store import identities, reads
from radscribe.serving.store.identities import IdentityRow
from radscribe.serving.store.reads import StoredStudy
from radscribe.serving.store.records import ImageRow
from radscribe.serving.store.store import Store
from radscribe.serving.store.writes import Superseded
from radscribe.serving.upload import UploadedFile

log = logging.getLogger(__name__)
FOLDER = "spool"
ACTOR = CLIENT = "dicom"
QUIET_SECONDS = 10.0
MOST_WAITING = 64  # studies of one client of STOW-RS in the spool; further ones are refused
MOST_IMAGES = 32  # of a study; further ones are left out
TOGETHER = 2  # studies that are being decoded
TICK = 0.25
BACK_OFF = 5.0  # seconds until a study that could not be accepted is tried again
PROJECTIONS = ("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1")  # CR, DX for presentation


class Arrivals:
    """A thread that hands complete studies of the spool to the intake.

    The spool is emptied only after the study is in the database, together with digests of its instances. So a
    crash in between makes no second draft: the digests tell that the instances are there.

    Parameters
    ----------
    quiet : float
        Seconds without a further instance, after which a study is complete.
    key : IdentityKey, optional
        Encrypts what a result needs of the study; without it, nothing of that is kept.
    """

    def __init__(
        self,
        folder: Path,
        store: Store,
        queue: StudyQueue,
        intake: Intake,
        quiet: float = QUIET_SECONDS,
        key: IdentityKey | None = None,
    ) -> None:
        self.spool = Spool(folder)
        self._store, self._queue, self._intake = store, queue, intake
        self._quiet, self._key = quiet, key
        self._digests = self.spool.digests
        # Results need the maps, to draw them.
        self._request = CaptionRequest(CaptionOptions(evidence=key is not None), "", False)
        self._busy: dict[str, Future[None]] = {}
        self._later: dict[str, float] = {}  # study → when to try again
        self._sent_by: dict[str, set[str]] = {}  # client of STOW-RS → its studies
        self._admitting = threading.Lock()
        self._pool = ThreadPoolExecutor(TOGETHER, thread_name_prefix="arrivals")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arrivals", daemon=True)
        self._thread.start()

    def accession_key(self, number: str) -> str:
        """Return the digest by which a study is found by its accession number."""
        return self._digests.digest("accession", number.strip())

    def admit(self, study: str, client: str) -> bool:
        """Whether a client may add to a study in the spool: it must leave room for the studies of others."""
        with self._admitting:
            for sender in list(self._sent_by):
                waiting = {sent for sent in self._sent_by[sender] if self.spool.waits(sent)}
                self._sent_by[sender] = waiting
                if not waiting:
                    del self._sent_by[sender]
            mine = self._sent_by.setdefault(client, set())
            if study not in mine and len(mine) >= MOST_WAITING:
                return False
            mine.add(study)
            return True

    def identity_again(self, study: StoredStudy) -> Callable[[str, Sequence[ImageRow]], IdentityRow] | None:
        """Return what makes the identity of a study that is captioned again; None if it has no identity.

        Raises
        ------
        Problem
            409: further images of the study came in, and another study has them.
        """
        previous = self._store.read(identities.find, study.id)
        if previous is None:
            return None
        newest = self._store.read(identities.newest, previous.study_key)
        if newest is not None and newest.study_id != study.id:
            raise Problem("conflict", f"There is a newer draft of this study: {newest.study_id}.")

        def identify(study_id: str, rows: Sequence[ImageRow]) -> IdentityRow:
            sealed = None
            if previous.sealed is not None and self._key is not None:
                identity = self._key.open(previous.sealed, previous.study_id)
                # An inverted image is another file.
                files = {old.file: new.file for old, new in zip(study.images, rows, strict=True)}
                paths = {i.sop_instance_uid: file for i in identity.instances if (file := files.get(i.path))}
                sealed = self._key.seal(identity.with_paths(paths), study_id)
            return replace(previous, study_id=study_id, sealed=sealed)

        return identify

    def close(self) -> None:
        """Finish the studies that are being accepted; the others stay in the spool for the next start."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._thread.join()
        self._pool.shutdown()
        self.spool.close()

    def _run(self) -> None:
        while not self._closing.wait(TICK):
            self._busy = {study: work for study, work in self._busy.items() if not work.done()}
            for study in self.spool.quiet(self._quiet):
                if len(self._busy) >= TOGETHER:
                    break
                if study not in self._busy and time.monotonic() >= self._later.get(study, 0.0):
                    self._busy[study] = self._pool.submit(self._accept, study)

    def _accept(self, study: str) -> None:
        try:
            self._hand_over(study)
            self._later.pop(study, None)
        except Superseded:
            pass  # the next look finds the other one
        except Problem as problem:  # the queue is full: the spool holds it
            log.debug("a study waits: %s", problem.kind)
            self._later[study] = time.monotonic() + TICK
        except Exception as error:  # noqa: BLE001  nothing is lost; its text may quote the data set
            log.error("a study could not be accepted (%s); it is tried again", type(error).__name__)
            self._later[study] = time.monotonic() + BACK_OFF

    def _hand_over(self, study: str) -> None:
        spooled = self.spool.instances(study)
        key = self._digests.digest("study", study)
        previous = self._store.read(identities.newest, key)
        known = previous.instances if previous else {}
        arrived: dict[str, tuple[Spooled, Dataset]] = {}  # by the key of the instance; the last one counts
        contents: dict[str, str] = {}
        for instance in spooled:
            name = self._digests.digest("instance", instance.name)
            content = self._digests.digest("content", instance.content)
            dataset, wanted = instance.read()
            arrived.pop(name, None)
            contents.pop(name, None)
            if wanted and known.get(name) != content:
                arrived[name], contents[name] = (instance, dataset), content
        if not arrived:  # sent twice, or no images
            self.spool.remove(study, spooled)
            return
        before = self._images(previous)
        kept = {name: before[name] for name in known if name not in arrived and name in before}
        self._queue.reserve(CLIENT)
        try:
            with ExitStack() as held:
                ordered = sorted(arrived, key=lambda name: _order(arrived[name][1]))
                files = [
                    UploadedFile(
                        _name(arrived[name][1]), held.enter_context(arrived[name][0].path.open("rb"))
                    )
                    for name in ordered[: max(0, MOST_IMAGES - len(kept))]
                ]
                both = known | contents
                # Those with an image first, in the order of the images.
                instances = {name: both[name] for name in (*kept, *ordered, *known)}
                datasets = [arrived[name][1] for name in ordered]
                accepted = self._intake.receive(
                    files,
                    list(kept.values()),
                    self._request,
                    ACTOR,
                    CLIENT,
                    lambda study_id, rows: self._identity(
                        study_id, key, instances, rows, datasets, previous, len(kept)
                    ),
                    previous.study_id if previous else None,
                )
        except BaseException:
            self._queue.release(CLIENT)
            raise
        log.info("accepted study %s with %d images", accepted.study.id, len(accepted.study.images))
        self.spool.remove(study, spooled)

    def _images(self, previous: IdentityRow | None) -> dict[str, ImageRow]:
        """The images of the study that came before, by the key of the instance."""
        found = previous and self._store.read(reads.find, previous.study_id)
        return dict(zip(previous.instances, found.images, strict=False)) if previous and found else {}

    def _identity(
        self,
        study_id: str,
        key: str,
        instances: dict[str, str],
        rows: Sequence[ImageRow],
        datasets: list[Dataset],
        previous: IdentityRow | None,
        kept: int,
    ) -> IdentityRow:
        if self._key is None:
            return IdentityRow(study_id, key, instances)
        paths = {
            str(dataset.get("SOPInstanceUID") or ""): row.file
            for dataset, row in zip(datasets, rows[kept:], strict=False)
            if row.file
        }
        identity = identity_of(datasets).with_paths(paths)
        if previous is not None and previous.sealed is not None:
            identity = identity.merged(self._key.open(previous.sealed, previous.study_id))
        number = identity.accession_number
        accession = self.accession_key(number) if number else None
        return IdentityRow(study_id, key, instances, accession, self._key.seal(identity, study_id))


def _order(dataset: Dataset) -> tuple[bool, int, int]:
    """Radiographs before secondary captures, then by series and number."""
    projection = str(dataset.get("SOPClassUID") or "") in PROJECTIONS
    return not projection, _number(dataset, "SeriesNumber"), _number(dataset, "InstanceNumber")


def _name(dataset: Dataset) -> str:
    """A name for a person who looks at the study; it holds nothing that identifies."""
    modality = str(dataset.get("Modality") or "")
    kind = modality if modality in ("CR", "DX", "DR", "OT", "SC", "RG") else "image"
    return f"{kind} {_number(dataset, 'SeriesNumber')}-{_number(dataset, 'InstanceNumber')}.dcm"


def _number(dataset: Dataset, keyword: str) -> int:
    try:
        return int(str(dataset.get(keyword) or 0))
    except ValueError:
        return 0
