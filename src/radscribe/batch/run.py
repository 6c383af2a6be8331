"""A batch from its source to the last shard: begun, or continued."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from radscribe.batch.places import Folder, is_url, without_file_scheme
from radscribe.batch.plan import PLAN, Plan, Planned, default_shard_size, find, write_plan
from radscribe.batch.processes import Lost, run_processes
from radscribe.batch.ray_tasks import run_ray
from radscribe.batch.shard import Counts, Engine, Job, shard_name
from radscribe.bundle import format as bundle_format
from radscribe.data.study import Split
from radscribe.errors import UsageError
from radscribe.inference.options import DEFAULTS, CaptionOptions

SAMPLE = 32  # studies that an estimate captions, after as many that warm up the engine


@dataclass(frozen=True, slots=True)
class Request:
    """A batch: its source, options and target.

    Parameters
    ----------
    source : str
        A manifest, a folder or its URL, or a text file of paths and URLs; see `plan.find`.
    out : str
        Folder or URL of the results.
    bundle : str, optional
        The model, as for `Captioner`.
    options : CaptionOptions
        How to caption. Only the best caption is written.
    split : {"train", "val", "test"}, optional
        Part of a manifest.
    shard_size : int, optional
        Studies per shard (default: see `plan.default_shard_size`).
    part : tuple of int
        ``(i, n)`` for the i-th of n parts of the shards, from 1.
    retry_errors : bool
        Caption the failed studies of finished shards again, and nothing else.
    device : str
        Where to run the model, as for `Captioner`.
    """

    source: str
    out: str
    bundle: str | None = None
    options: CaptionOptions = DEFAULTS
    split: Split | None = None
    shard_size: int | None = None
    part: tuple[int, int] = (1, 1)
    retry_errors: bool = False
    device: str = "cpu"

    @property
    def job(self) -> Job:
        """The job of a worker."""
        # A worker on another machine has another working directory.
        bundle = self.bundle
        if bundle is not None and Path(bundle).is_dir():
            bundle = str(Path(bundle).resolve())
        return Job(_canonical(self.out), bundle, self.options, self.device, self.retry_errors)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The size of a batch, and how long it takes.

    Parameters
    ----------
    studies, images, size : int
        Number of studies and images, and bytes of the images as far as they are known.
    shards, shard_size, done : int
        Number of shards, studies per shard, and shards that are finished.
    seconds_per_study : float
        Measured on one core with some studies.
    sampled : int
        Number of these studies.
    skipped : str, optional
        One line about files that hold no image.
    """

    studies: int
    images: int
    size: int
    shards: int
    shard_size: int
    done: int
    seconds_per_study: float
    sampled: int
    skipped: str | None = None

    def seconds(self, cores: int) -> float:
        """Return the time for the shards that are left, on a number of cores."""
        left = self.studies * (1 - self.done / self.shards)
        return left * self.seconds_per_study / cores


class Batch:
    """A batch whose plan is made; its shards can be captioned.

    Parameters
    ----------
    request : Request
        What to do. If the folder holds a plan, it must be of the same source, model and options.

    Attributes
    ----------
    skipped : str or None
        One line about files of the source that hold no image, if the plan is new.
    terms : Terms
        What the plan says.
    todo : list of int
        Shards of this part that are to be done.
    done : int
        Shards of this part that are done already.

    Raises
    ------
    UsageError
        The options make no sense, or the folder holds results of another batch.
    DataError
        The source holds no image, or is damaged.
    OutputError
        The folder cannot be written.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._folder = Folder(request.out)
        self.skipped: str | None = None
        names = self._folder.names()
        if PLAN not in names:
            if request.retry_errors:
                raise UsageError(
                    "holds no results to retry", subject=request.out, remedy="leave --retry-errors out"
                )
            if any(name.endswith(".parquet") for name in names):
                raise UsageError(
                    f"holds Parquet files but no {PLAN}", subject=request.out, remedy="choose a new folder"
                )
            found = find(request.source, request.split)
            self.skipped = found.skipped
            write_plan(
                self._folder,
                found,
                source=_canonical(request.source),
                split=request.split or "",
                bundle=_bundle_id(request.bundle),
                options=_described(request.options),
                shard_size=request.shard_size,
            )
        self.terms = Plan(self._folder).terms
        self._require_same()
        first, parts = request.part
        mine = range(first - 1, self.terms.shards, parts)
        finished = [number for number in mine if shard_name(number) in names]
        if request.retry_errors:
            self.todo = finished
        else:
            self.todo = [number for number in mine if shard_name(number) not in names]
        self.done = len(mine) - len(self.todo)

    @property
    def out(self) -> str:
        """Folder or URL of the results."""
        return self._folder.place

    @property
    def studies(self) -> int:
        """Number of studies in the shards to do."""
        whole = self.terms.shard_size * len(self.todo)
        last = self.terms.shards - 1
        short = self.terms.shards * self.terms.shard_size - self.terms.studies
        return whole - short * (last in self.todo[-1:])

    def run(self, workers: int, ray: str | None = None) -> Iterator[Counts | Lost]:
        """Caption the shards.

        Parameters
        ----------
        workers : int
            Number of processes on this machine.
        ray : str, optional
            Address of a Ray cluster to use instead.

        Yields
        ------
        Counts or Lost
            One per shard, as each is finished.
        """
        job = self._request.job
        if ray is not None:
            yield from run_ray(job, self.todo, ray)
        else:
            yield from run_processes(job, self.todo, max(1, min(workers, len(self.todo))))
        missing = self.terms.shards - sum(name.startswith("shard-") for name in self._folder.names())
        if not missing:
            self._folder.sweep()

    def _require_same(self) -> None:
        request, terms = self._request, self.terms
        own: dict[str, tuple[str, str]] = {
            "source": (_canonical(request.source), terms.source),
            "--split": (request.split or "the whole manifest", terms.split or "the whole manifest"),
            "bundle": (_bundle_id(request.bundle), terms.bundle),
            "options": (_described(request.options), terms.options),
            "--shard-size": (str(request.shard_size or terms.shard_size), str(terms.shard_size)),
        }
        for what, (mine, before) in own.items():
            if mine != before:
                raise UsageError(
                    f"was begun with {what} {before}, not {mine}",
                    subject=request.out,
                    remedy="repeat the first command, or choose another folder",
                )


def estimate(request: Request) -> Estimate:
    """Say what a batch comes to, without writing anything.

    Raises
    ------
    UsageError, DataError
        As for `Batch`.
    """
    folder = Folder(request.out)
    names = folder.names()
    skipped: str | None = None
    if PLAN in names:
        batch = Batch(request)
        terms, plan = batch.terms, Plan(folder)
        root, count, images, size = terms.root, terms.studies, terms.images, terms.size
        shards, shard_size, done = terms.shards, terms.shard_size, batch.done
        step = max(1, shards // (2 * SAMPLE))
        sample = [
            study for n in range(0, shards, step) for study in plan.shard(n)[: 2 * SAMPLE // shards + 1]
        ]
        if request.part != (1, 1):
            count = batch.studies + batch.done * shard_size
            shards = len(batch.todo) + batch.done
    else:
        found = find(request.source, request.split)
        root, count, skipped, done = found.root, found.count, found.skipped, 0
        step = max(1, count // (2 * SAMPLE))
        images, size, sample = 0, 0, []
        for place, study in enumerate(found.studies):
            images += len(study.files)
            size += study.size
            if place % step == 0:
                sample.append(study)
        shard_size = request.shard_size or default_shard_size(count)
        shards = -(-count // shard_size)
    seconds, sampled = _time(request, root, sample[: 2 * SAMPLE])
    return Estimate(count, images, size, shards, shard_size, done, seconds, sampled, skipped)


def _time(request: Request, root: str, sample: list[Planned]) -> tuple[float, int]:
    """Seconds per study on one core, and how many studies were timed."""
    engine = Engine(request.job)
    timed = sample[1::2] or sample
    for _ in engine.rows(sample[::2], root):
        pass  # the first runs allocate
    began = time.perf_counter()
    for _ in engine.rows(timed, root):
        pass
    return (time.perf_counter() - began) / len(timed), len(timed)


def _canonical(source: str) -> str:
    """A source in the same words wherever the command is started."""
    source = without_file_scheme(source)
    return source if is_url(source) else str(Path(source).resolve())


def _bundle_id(bundle: str | None) -> str:
    return bundle_format.read(bundle_format.locate(bundle)).id


def _described(options: CaptionOptions) -> str:
    return (
        f"{options.search}, force {options.force}, min_confidence {options.min_confidence}, "
        f"exact {options.exact}"
    )
