"""Accept uploads: clean the files, write them to disk and the database, and queue the study."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
from PIL import Image

from radscribe.errors import ImageError
from radscribe.imaging.reader import read
from radscribe.inference.patients import Patient, by_patient
from radscribe.serving.cleaning import Sandbox
from radscribe.serving.dispatcher import Dispatcher
from radscribe.serving.draft import failed
from radscribe.serving.options import CaptionRequest, decode
from radscribe.serving.problems import Problem
from radscribe.serving.queue import Finished, Job, StudyQueue
from radscribe.serving.settings import Settings
from radscribe.serving.store import reads, writes
from radscribe.serving.store.identities import IdentityRow
from radscribe.serving.store.reads import StoredStudy
from radscribe.serving.store.records import ImageRow, new_id
from radscribe.serving.store.store import Store
from radscribe.serving.store.tables import now
from radscribe.serving.upload import UploadedFile


@dataclass(frozen=True, slots=True)
class Accepted:
    """A study that no crash loses from now on."""

    study: StoredStudy
    job: Job


@dataclass(frozen=True, slots=True)
class _Image:
    """An uploaded file: its row, the written file and the hashed patient that it names."""

    row: ImageRow
    partial: IO[bytes] | None = None
    patient: tuple[str, str, str] = ("", "", "")


class FairSlots:
    """Places that clients share: one client never holds all of them.

    Parameters
    ----------
    places : int
        Places in all.
    per_client : int
        Places that one client holds at most.
    """

    def __init__(self, places: int, per_client: int) -> None:
        self._free, self._per_client = places, per_client
        self._held: Counter[str] = Counter()
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def place(self, client: str) -> AsyncIterator[None]:
        """Wait for a place, and release it at the end of the block.

        Clients get their places in the order in which they came.
        """
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((client, turn))
        self._hand_out()
        try:
            await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                self._held[client] -= 1
                self._held += Counter()  # drops zeros
                self._free += 1
            else:
                self._waiting.remove((client, turn))
            self._hand_out()

    def _hand_out(self) -> None:
        for client, turn in list(self._waiting):
            if not self._free:
                return
            if self._held[client] < self._per_client and not turn.done():
                self._waiting.remove((client, turn))
                self._held[client] += 1
                self._free -= 1
                turn.set_result(None)


class Intake:
    """Accepts studies.

    Parameters
    ----------
    bundle : str
        Id of the model, for drafts of studies that fail before they reach it.
    """

    def __init__(
        self, settings: Settings, store: Store, queue: StudyQueue, bundle: str, sandbox: Sandbox
    ) -> None:
        self.dispatcher = Dispatcher(store, queue, self._take_over)
        self._settings, self._store, self._queue, self._bundle = settings, store, queue, bundle
        self._sandbox = sandbox
        threads = settings.intake_processes
        self._slots = FairSlots(threads, max(1, threads - 1))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="intake")

    def close(self) -> None:
        """Finish the uploads that are being accepted."""
        self._pool.shutdown()

    async def accept(
        self, files: Sequence[UploadedFile], requested: CaptionRequest, actor: str, client: str = ""
    ) -> Accepted:
        """Accept and queue a study; the caller has reserved its place in the queue.

        A study without a readable image is accepted too, and fails at once with the reasons.

        Parameters
        ----------
        client : str
            Client that sends it; the decoding processes are shared fairly among clients.

        Raises
        ------
        Problem
            422: the files are of different patients.
        """
        loop = asyncio.get_running_loop()
        async with self._slots.place(client):
            return await loop.run_in_executor(self._pool, self._accept, files, requested, actor, client)

    def _accept(
        self, files: Sequence[UploadedFile], requested: CaptionRequest, actor: str, client: str
    ) -> Accepted:
        folder = self._store.images
        with ExitStack() as held:
            images = [self._clean(n, file, held) for n, file in enumerate(files)]
            _refuse_several_patients(images)
            rows = _told_apart([image.row for image in images])
            held.enter_context(self._store.holding(row.file for row in rows if row.file))
            for row, image in zip(rows, images, strict=True):
                if row.file and image.partial:
                    folder.keep(image.partial, row.file)
            return self._add(rows, requested, actor, client)

    def recaption(
        self,
        study: StoredStudy,
        requested: CaptionRequest,
        actor: str,
        client: str,
        *,
        invert: bool,
        identify: Callable[[str, Sequence[ImageRow]], IdentityRow] | None = None,
    ) -> Accepted:
        """Queue the stored images of a study as a new study, with other options.

        Parameters
        ----------
        identify : callable, optional
            Makes the identity of the new study, as in `receive`. It then supersedes the old one.
        """
        folder, rows = self._store.images, [replace(row) for row in study.images]
        with ExitStack() as held:
            held.enter_context(self._store.holding(row.file for row in rows if row.file))
            if any(row.file and not folder.path(row.file).is_file() for row in rows):
                raise Problem("gone", "The study was deleted meanwhile.")
            if invert:
                rows = [self._inverted(row, held) if row.file else row for row in rows]
            before = study.id if identify is not None else None
            try:
                return self._add(rows, requested, actor, client, identify, before)
            except writes.Superseded:
                raise Problem("conflict", "Further images of this study have just come in.") from None

    def receive(
        self,
        files: Sequence[UploadedFile],
        kept: Sequence[ImageRow],
        requested: CaptionRequest,
        actor: str,
        client: str,
        identify: Callable[[str, Sequence[ImageRow]], IdentityRow],
        supersedes: str | None,
    ) -> Accepted:
        """Accept and queue a study that came in by DICOM; the caller has reserved its place in the queue.

        Parameters
        ----------
        kept : sequence of ImageRow
            Images that the store has from the study that this one supersedes. They come first.
        identify : callable
            Makes the identity, of the id of the study and its images.
        supersedes : str, optional
            Id of the study whose draft the new one replaces.

        Raises
        ------
        Superseded
            Another study with these images was accepted meanwhile.
        """
        folder = self._store.images
        with ExitStack() as held:
            images = [self._clean(len(kept) + n, file, held) for n, file in enumerate(files)]
            _refuse_several_patients(images)
            before = [replace(row, n=n) for n, row in enumerate(kept)]
            rows = _told_apart([*before, *(image.row for image in images)])
            held.enter_context(self._store.holding(row.file for row in rows if row.file))
            for n, row in enumerate(before):
                if row.file and not folder.path(row.file).is_file():
                    rows[n] = replace(row, file=None, error=f"{row.name}: was deleted meanwhile")
            for row, image in zip(rows[len(before) :], images, strict=True):
                if row.file and image.partial:
                    folder.keep(image.partial, row.file)
            return self._add(rows, requested, actor, client, identify, supersedes)

    def _inverted(self, row: ImageRow, held: ExitStack) -> ImageRow:
        """A copy of an image with black and white exchanged, as a PNG of 16 bits."""
        folder = self._store.images
        try:
            pixels = read(folder.path(str(row.file))).pixels
        except ImageError as error:
            return replace(row, file=None, error=f"{row.name}: {error.problem}")
        buffer = BytesIO()
        np.subtract(1, pixels, out=pixels)  # in place: 67 megapixels are 270 MB
        pixels *= np.float32(65535)
        np.rint(pixels, out=pixels)
        Image.fromarray(pixels.astype(np.uint16)).save(buffer, format="PNG", compress_level=1)
        name = folder.name(buffer.getvalue(), ".png")
        held.enter_context(self._store.holding([name]))
        folder.put(name, buffer.getvalue())
        return replace(row, file=name, name=f"{row.name} (inverted)")

    def _add(
        self,
        rows: list[ImageRow],
        requested: CaptionRequest,
        actor: str,
        client: str,
        identify: Callable[[str, Sequence[ImageRow]], IdentityRow] | None = None,
        supersedes: str | None = None,
    ) -> Accepted:
        study_id, created, options = new_id(), now(), requested.options.encode()
        identity = identify(study_id, rows) if identify is not None else None
        lease = self.dispatcher.lease(study_id)
        columns = (study_id, created, requested.study, options, rows, actor, lease, identity, supersedes)
        try:
            self._store.write(writes.add_study, *columns).result()
        except BaseException:
            self.dispatcher.forget(study_id)
            raise
        study = StoredStudy(study_id, created, None, "queued", requested.study, options, 0, None, images=rows)
        study.supersedes = supersedes
        job = self._job(study, client)
        if lease is None:
            self.dispatcher.watch(job)
        else:
            self._enqueue(job)
        return Accepted(study, job)

    def _clean(self, n: int, file: UploadedFile, held: ExitStack) -> _Image:
        partial = held.enter_context(self._store.images.writing())
        try:
            image = self._sandbox.clean(
                _with_descriptor(file.content, held),
                partial,
                file.name,
                self._settings.limits.pixels,
                keep_identifiers=self._settings.keep_identifiers,
            )
        except ImageError as error:
            return _Image(ImageRow(n, file.name, error=str(error)))
        name = image.sha256 + image.suffix
        row = ImageRow(n, file.name, name, None, image.view, image.height or None, image.width or None)
        return _Image(row, partial, image.patient)

    def _take_over(self, study: StoredStudy) -> None:
        """Queue a study that was accepted before the last start, or by another replica."""
        job = self._job(study)  # fetches the images from a bucket, which may fail
        job.alone = study.attempts > 0
        self._queue.reserve(beyond=True)
        if study.attempts >= writes.ATTEMPTS:
            self._fail(job, f"the service died {study.attempts} times over this study; report it")
        else:
            self._enqueue(job)

    def _job(self, study: StoredStudy, client: str = "") -> Job:
        images = {row.name: self._store.images.path(row.file) for row in study.images if row.file}
        options = decode(study.options)
        job = Job(
            study.id,
            study.study,
            tuple(row.name for row in study.images),
            images,
            {row.name: row.error for row in study.images if row.error},
            options,
            client=client,
            prior=self._images_of(options.prior) if options.prior else (),
        )
        self.dispatcher.track(job)
        return job

    def _images_of(self, study_id: str) -> tuple[Path, ...]:
        """The stored images of a study; none if it was deleted."""
        study = self._store.read(partial(reads.find, study_id=study_id))
        if study is None or study.deleted:
            return ()
        return tuple(self._store.images.path(row.file) for row in study.images if row.file)

    def _enqueue(self, job: Job) -> None:
        if job.images:
            self._queue.put(job)
        else:
            self._fail(job, "; ".join(job.errors.values()))

    def _fail(self, job: Job, why: str) -> None:
        draft = failed(job, self._bundle, why)
        finished = self._store.write(writes.finish, job.id, draft).result()
        self._queue.release(job.client)
        job.done.set_result(Finished(draft, finished))


def _with_descriptor(content: IO[bytes], held: ExitStack) -> IO[bytes]:
    """The file itself where a child process can read it, else a nameless copy on disk."""
    try:
        content.fileno()  # what was small enough for memory goes to disk by this
    except OSError:
        copy = held.enter_context(TemporaryFile())  # noqa: SIM115
        content.seek(0)
        shutil.copyfileobj(content, copy)
        content = copy
    content.flush()
    return content


def _refuse_several_patients(images: Sequence[_Image]) -> None:
    """Raise `Problem` if the files name more than one patient. Patients must never share a draft."""
    names = [image.row.name for image in images]
    groups = by_patient(names, [Patient(image.row.name, *image.patient) for image in images])
    if len(groups) > 1:
        listed = " | ".join(", ".join(files) for files in groups)
        raise Problem(
            "invalid",
            f"The files are of {len(groups)} patients: {listed}. Send each patient's files as a study.",
        )


def _told_apart(rows: Sequence[ImageRow]) -> list[ImageRow]:
    """Files of one name get numbers; one picture sent twice counts once."""
    names: set[str] = set()
    first: dict[str, str] = {}  # file → the name under which it came first
    apart: list[ImageRow] = []
    for row in rows:
        name, number = row.name, 1
        while name in names:
            number += 1
            name = f"{row.name} ({number})"
        names.add(name)
        row = replace(row, name=name)
        if row.file is not None and first.setdefault(row.file, name) != name:
            row = replace(row, file=None, error=f"{name}: is the same picture as {first[row.file]}")
        apart.append(row)
    return apart
