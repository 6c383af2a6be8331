"""From an upload to an accepted study: cleaned, on disk, in the database, in the queue; in that order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from radscribe.errors import ImageError
from radscribe.serving.cleaning import clean
from radscribe.serving.draft import failed
from radscribe.serving.options import CaptionRequest, decode
from radscribe.serving.queue import Finished, Job, StudyQueue
from radscribe.serving.settings import Settings
from radscribe.serving.store import reads, writes
from radscribe.serving.store.reads import StoredStudy
from radscribe.serving.store.records import ImageRow, new_id
from radscribe.serving.store.store import Store
from radscribe.serving.store.tables import now
from radscribe.serving.upload import UploadedFile

THREADS = 4  # uploads that are cleaned and written at once; each is in memory meanwhile


@dataclass(frozen=True, slots=True)
class Accepted:
    """A study that no crash loses from now on."""

    study: StoredStudy
    job: Job


class Intake:
    """Accepts studies."""

    def __init__(self, settings: Settings, store: Store, queue: StudyQueue, bundle: str) -> None:
        self._settings, self._store, self._queue, self._bundle = settings, store, queue, bundle
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="intake")

    def close(self) -> None:
        """Finish what is being accepted."""
        self._pool.shutdown()

    async def accept(self, files: Sequence[UploadedFile], requested: CaptionRequest, actor: str) -> Accepted:
        """Accept a study, whose place in the queue the caller has reserved, and queue it.

        A study none of whose files is an image is accepted too, and has failed at once, with the reasons.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._accept, files, requested, actor)

    def _accept(self, files: Sequence[UploadedFile], requested: CaptionRequest, actor: str) -> Accepted:
        contents = [self._look_at(n, file) for n, file in enumerate(files)]
        rows = _told_apart([row for row, _ in contents])
        study_id, created = new_id(), now()
        folder = self._store.images
        with folder.holding(row.file for row in rows if row.file):
            for row, (_, data) in zip(rows, contents, strict=True):
                if row.file and data:
                    folder.put(row.file, data)
            options = requested.options.encode()
            self._store.write(
                writes.add_study, study_id, created, requested.study, options, rows, actor
            ).result()
        study = StoredStudy(study_id, created, None, "queued", requested.study, options, 0, None, images=rows)
        job = self._job(study)
        self._enqueue(job)
        return Accepted(study, job)

    def _look_at(self, n: int, file: UploadedFile) -> tuple[ImageRow, bytes | None]:
        file.content.seek(0)
        data = file.content.read()
        limits = self._settings.limits
        try:
            image = clean(data, file.name, limits.pixels, keep_identifiers=self._settings.keep_identifiers)
        except ImageError as error:
            return ImageRow(n, file.name, error=str(error)), None
        name = self._store.images.name(image.data, image.suffix)
        row = ImageRow(n, file.name, name, None, image.view, image.height or None, image.width or None)
        return row, image.data

    def requeue_interrupted(self) -> int:
        """Queue again what had been accepted before the last start; returns how many."""
        self._store.write(writes.requeue_interrupted).result()
        studies = self._store.read(reads.waiting)
        # What ran when the service died comes first and alone: one of them may have been the reason.
        for study in sorted(studies, key=lambda study: -study.attempts):
            job = self._job(study)
            job.alone = study.attempts > 0
            if study.attempts >= writes.ATTEMPTS:
                died = f"the service died {study.attempts} times over this study; report it"
                self._store.write(writes.finish, study.id, failed(job, self._bundle, died)).result()
            else:
                self._queue.reserve(beyond=True)
                self._enqueue(job)
        return len(studies)

    def _job(self, study: StoredStudy) -> Job:
        images = {row.name: self._store.images.path(row.file) for row in study.images if row.file}
        return Job(
            study.id,
            study.study,
            tuple(row.name for row in study.images),
            images,
            {row.name: row.error for row in study.images if row.error},
            decode(study.options),
        )

    def _enqueue(self, job: Job) -> None:
        if job.images:
            self._queue.put(job)
            return
        draft = failed(job, self._bundle, "; ".join(job.errors.values()))
        finished = self._store.write(writes.finish, job.id, draft).result()
        self._queue.release()
        job.done.set_result(Finished(draft, finished))


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
