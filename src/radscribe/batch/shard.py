"""One shard: its studies captioned by the engine, as one Parquet file.

The bytes of the file are a function of the images, the bundle and the options. They do not depend on the
worker: studies are always searched in the same batches.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from radscribe.batch.places import Folder, read_bytes
from radscribe.batch.plan import KEY, Plan, Planned
from radscribe.errors import BundleError, DataError, ImageError
from radscribe.imaging.header import read_header
from radscribe.inference.caption import Caption
from radscribe.inference.captioner import Captioner
from radscribe.inference.inputs import StudyInput, Unread
from radscribe.inference.options import DEFAULTS, CaptionOptions
from radscribe.inference.patients import Patient, several_patients
from radscribe.inference.pipeline import BATCH
from radscribe.text.tokenizer import SECTIONS

READERS = 8  # threads that read files while the core captions: storage behind a URL answers slowly
DIGITS = 4  # of probabilities


@dataclass(frozen=True, slots=True)
class Job:
    """The job of a worker, the same for all shards.

    Parameters
    ----------
    out : str
        Folder or URL of the results, with the plan.
    bundle : str, optional
        The model, as for `Captioner`.
    options : CaptionOptions
        How to caption.
    device : str
        Where to run the model, as for `Captioner`.
    retry : bool
        Whether to caption the failed studies of finished shards again.
    """

    out: str
    bundle: str | None = None
    options: CaptionOptions = DEFAULTS
    device: str = "cpu"
    retry: bool = False


class Counts(NamedTuple):
    """Counts of one shard, or of all of them."""

    studies: int = 0
    images: int = 0
    captioned: int = 0
    refused: int = 0
    failed: int = 0  # studies with an image that could not be read
    done: int = 0  # images that this run read

    def __add__(self, other: object) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        return Counts(*(one + more for one, more in zip(self, other, strict=True)))


class Loaded(NamedTuple):
    """A study with its images' bytes, as far as they could be read."""

    study: Planned
    images: list[tuple[str, bytes]]
    hashes: list[str | None]  # SHA-256 of each file; None if it could not be read
    errors: dict[str, str]


def shard_name(number: int) -> str:
    """Return the file name of a shard, counted from 0."""
    return f"shard-{number:05}.parquet"


def schema(findings: Sequence[str]) -> pa.Schema:
    """Return the columns of a shard.

    Parameters
    ----------
    findings : sequence of str
        The bundle's findings; each is a column with its probability.
    """
    texts = pa.list_(pa.string())
    return pa.schema(
        [
            ("id", pa.string()),
            ("files", texts),
            ("sha256", texts),
            ("text", pa.string()),
            *((f"section_{name}", pa.string()) for name in SECTIONS.values()),
            ("confidence", pa.float32()),
            ("normality", pa.float32()),
            ("refused", pa.string()),
            ("error", pa.string()),
            ("failed", pa.bool_()),
            ("warnings", texts),
            ("bundle", pa.string()),
            *((finding, pa.float32()) for finding in findings),
        ]
    )


class Engine:
    """The captioner on one core, and reading ahead of it.

    Parameters
    ----------
    job : Job
        Which bundle, and how to caption.
    """

    def __init__(self, job: Job) -> None:
        self._options = job.options
        # One thread per worker, whatever the environment says: workers share the cores.
        self._captioner = Captioner(job.bundle, threads=1, device=job.device)
        self.bundle, self.findings = self._captioner.bundle, self._captioner.findings

    def rows(self, studies: Sequence[Planned], root: str) -> Iterator[dict[str, Any]]:
        """Caption studies in batches of a fixed size.

        Parameters
        ----------
        studies : sequence of Planned
            The studies.
        root : str
            Folder or URL that relative names of images start from.

        Yields
        ------
        dict
            One row per study, in order; see `schema`.
        """
        for batch in _loaded(studies, root):
            inputs = [_as_input(loaded) for loaded in batch]
            captions = iter(self._captions([study for study in inputs if study is not None]))
            for loaded, study in zip(batch, inputs, strict=True):
                yield _row(loaded, next(captions) if study is not None else _unread(loaded, self.bundle))

    def _captions(self, studies: list[StudyInput]) -> list[Caption]:
        if not studies:
            return []
        try:
            return self._captioner.caption_together(studies, self._options)
        except Exception as error:  # noqa: BLE001 - one image must not end a run over millions
            if len(studies) > 1:
                return [self._captions([study])[0] for study in studies]
            (study,) = studies
            told = f"{study.name}: internal error: {type(error).__name__}; report it with the image"
            return [Caption(study.name, study.files, self.bundle, error=told, failed=True)]


class Worker:
    """Captions shards. It loads the engine once.

    Parameters
    ----------
    job : Job
        What to do.

    Raises
    ------
    BundleError
        The bundle on this machine is not the one that the plan names.
    """

    def __init__(self, job: Job) -> None:
        self._folder, self._retry = Folder(job.out), job.retry
        self._plan = Plan(self._folder)
        self._engine = Engine(job)
        if self._engine.bundle != self._plan.terms.bundle:
            raise BundleError(
                f"is {self._engine.bundle}, but {job.out} was begun with {self._plan.terms.bundle}",
                subject=job.bundle or "the embedded bundle",
                remedy="install the same bundle on every machine",
            )
        self._schema = schema(self._engine.findings)

    def run(self, number: int) -> Counts:
        """Caption a shard, or the failed studies of a finished one, and write its file.

        Returns
        -------
        Counts
            What the shard's file says.
        """
        studies, root = self._plan.shard(number), self._plan.terms.root
        if not self._retry:
            rows = list(self._engine.rows(studies, root))
            self._write(number, rows)
            return counts(rows, rows)
        rows = self._read(number)
        places = [place for place, row in enumerate(rows) if row["failed"]]
        retried = list(self._engine.rows([studies[place] for place in places], root))
        for place, row in zip(places, retried, strict=True):
            rows[place] = row
        if places:
            self._write(number, rows)
        return counts(rows, retried)

    def _read(self, number: int) -> list[dict[str, Any]]:
        try:
            with self._folder.open(shard_name(number)) as file:
                rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{shard_name(number)} is damaged",
                subject=str(self._folder),
                remedy="delete that file and repeat the command without --retry-errors",
            ) from error
        return rows

    def _write(self, number: int, rows: list[dict[str, Any]]) -> None:
        columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in self._schema]
        terms = self._plan.terms
        about = {
            "bundle": terms.bundle,
            "options": terms.options,
            "shard": number,
            "shards": terms.shards,
        }
        table = pa.Table.from_arrays(
            columns, schema=self._schema.with_metadata({KEY: msgspec.json.encode(about)})
        )
        content = io.BytesIO()
        pq.write_table(table, content, compression="zstd")
        self._folder.write(shard_name(number), content.getvalue())


def _loaded(studies: Sequence[Planned], root: str) -> Iterator[list[Loaded]]:
    """Batches of studies with their bytes; the next one is read while one is captioned."""
    batches = [studies[start : start + BATCH] for start in range(0, len(studies), BATCH)]
    with ThreadPoolExecutor(READERS, thread_name_prefix="radscribe-read") as pool:

        def begin(batch: Sequence[Planned]) -> list[Future[Loaded]]:
            return [pool.submit(load, study, root) for study in batch]

        reading = begin(batches[0]) if batches else []
        for following in [*batches[1:], ()][: len(batches)]:
            loaded = [future.result() for future in reading]
            reading = begin(following)
            yield loaded


@lru_cache(maxsize=1)
def worker_of(job: Job) -> Worker:
    """Return this process's worker; it is made when it is first asked for."""
    return Worker(job)


def counts(rows: Sequence[dict[str, Any]], read: Sequence[dict[str, Any]]) -> Counts:
    """Count the rows of a shard by outcome, and the images of those that this run read."""
    return Counts(
        len(rows),
        sum(len(row["files"]) for row in rows),
        sum(row["text"] is not None for row in rows),
        sum(row["refused"] is not None for row in rows),
        sum(row["failed"] for row in rows),
        sum(len(row["files"]) for row in read),
    )


def load(study: Planned, root: str) -> Loaded:
    """Read the images of a study.

    Parameters
    ----------
    study : Planned
        The study.
    root : str
        Folder or URL that relative names start from.
    """
    images: list[tuple[str, bytes]] = []
    hashes: list[str | None] = []
    errors: dict[str, str] = {}
    for name in study.files:
        try:
            content = read_bytes(root, name)
        except ImageError as error:
            errors[name] = str(error)
            hashes.append(None)
        else:
            images.append((name, content))
            hashes.append(hashlib.sha256(content).hexdigest())
    return Loaded(study, images, hashes, errors)


def _as_input(loaded: Loaded) -> StudyInput | None:
    """The study for the engine; None if none of it could be read."""
    if not loaded.images:
        return None
    refused = None
    if len(loaded.images) > 1:
        refused = several_patients([Patient.of(read_header(data), name) for name, data in loaded.images])
    told = (*loaded.study.warnings, *(f"left out: {error}" for error in loaded.errors.values()))
    images = tuple(Unread(data, name) for name, data in loaded.images)
    return StudyInput(loaded.study.id, images, told, refused)


def _unread(loaded: Loaded, bundle: str) -> Caption:
    error = "; ".join(loaded.errors.values())
    return Caption(loaded.study.id, loaded.study.files, bundle, error=error, failed=True)


def _row(loaded: Loaded, caption: Caption) -> dict[str, Any]:
    """A caption as a row of the shard."""

    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, DIGITS)

    return {
        "id": loaded.study.id,
        "files": list(loaded.study.files),
        "sha256": loaded.hashes,
        "text": caption.text,
        **{f"section_{name}": caption.sections.get(name) for name in SECTIONS.values()},
        "confidence": rounded(caption.confidence),
        "normality": rounded(caption.normality),
        "refused": caption.refused,
        "error": caption.error,
        "failed": bool(loaded.errors) or (caption.failed and caption.refused is None),
        "warnings": list(caption.warnings),
        "bundle": caption.bundle,
        **{finding: rounded(value) for finding, value in caption.findings.items()},
    }
