"""From a download to a manifest: read a source, look for its images, write, attach features, check leaks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from radscribe.data import attach, features, imagefolder, leaks, missing_images, r2gen, records
from radscribe.data import manifest as manifest_file
from radscribe.data.atomic import replacing
from radscribe.data.attach import Attached
from radscribe.data.drop_leaks import drop_leaks
from radscribe.data.manifest import VERSION, Header, Manifest
from radscribe.data.sources import SOURCES
from radscribe.data.sources.source import Collection, Job
from radscribe.data.splits import Parts
from radscribe.data.study import Study
from radscribe.data.summary import Summary
from radscribe.errors import DataError, UsageError

EXPORTS = ("r2gen", "imagefolder")
Advance = Callable[[str, int | None], object]


@dataclass(frozen=True, slots=True)
class Request:
    """What `radscribe prepare` was asked for.

    Parameters
    ----------
    settings : what `--set` says, by key.
    features : a `.npz` to attach.
    check : whether the leak check compares the content of images too.
    drop_leaks : whether studies that leak are taken out of their part.
    also : further layouts to write, of `EXPORTS`.
    """

    source: str
    src: Path | None
    out: Path
    settings: dict[str, str] = field(default_factory=dict)
    parts: Parts = field(default_factory=Parts)
    allow_missing: bool = False
    features: Path | None = None
    check: bool = False
    drop_leaks: bool = False
    also: Sequence[str] = ()


@dataclass(slots=True)
class Outcome:
    """What was done."""

    manifest: Path
    summary: Summary
    missing: list[str]
    notes: list[str]
    attached: Attached | None = None
    leaks: leaks.LeakReport | None = None
    dropped: int = 0


def prepare(request: Request, advance: Advance = lambda step, total: None) -> Outcome:
    """Write a manifest, whole or not at all.

    Parameters
    ----------
    advance : called once a study and, in the leak check, once an image, with the step and its total if known.

    Raises
    ------
    DataError : the download lacks something, breaks a rule, or lacks images and `allow_missing` is not set.
    LeakError : parts overlap; the manifest is written, and the leaks are listed in `leaks.txt` beside it.
    UsageError : a setting that the source does not have, or a source that needs SRC and has none.
    """
    source = SOURCES[request.source]
    if request.features is not None:
        attach.refuse_pickle(request.features)  # before anything is read
        if not request.features.is_file():
            raise DataError("there is no such file", subject=request.features, remedy="check --features")
    if request.src is None and source.needs_src:
        raise UsageError(f"{request.source} needs SRC, the download's folder")
    if request.src is not None and not request.src.exists():
        raise DataError("there is no such folder or file", subject=request.src, remedy="check SRC")
    settings = _settings(source.settings, request.settings)
    created = not request.out.exists()
    request.out.mkdir(parents=True, exist_ok=True)
    try:
        job = Job(request.src or request.out, request.out, request.parts)
        return _write(request, source.collect(job, settings), advance)
    finally:
        if created and not any(request.out.iterdir()):
            request.out.rmdir()


def _write(request: Request, collection: Collection, advance: Advance) -> Outcome:
    out = request.out
    summary, missing = Summary(), list[str]()
    header = Header(
        VERSION, collection.source, collection.licence, collection.citation, _relative(collection.root, out)
    )

    def studies() -> Iterator[Study]:
        for study in collection.studies:
            advance("reading studies", collection.total)
            _check_rules(study, request.src)  # before any file that it names is opened
            study = replace(
                study, images=tuple(missing_images.seen(i, collection.root, missing) for i in study.images)
            )
            summary.add(study)
            yield study
        if not summary.studies:
            raise DataError("holds no study", subject=request.src, remedy="check that it is the right folder")
        if missing and not request.allow_missing:
            raise missing_images.error(missing, collection.root, summary.images.total())

    manifest_file.write(out, header, studies())
    outcome = Outcome(out / manifest_file.FILE, summary, missing, list(collection.notes))
    _write_lines(out / missing_images.FILE, missing)
    for name, lines in collection.extras.items():
        _write_lines(out / name, [json.dumps(line, ensure_ascii=False) for line in lines])
        outcome.notes.append(f"wrote {len(lines):,} lines to {name}")
    manifest = Manifest(out)
    if request.features is not None:
        outcome.attached = attach.attach(manifest, request.features, out)
    elif (out / features.FILE).exists():
        outcome.notes.append(f"{features.FILE} of an earlier run is still there, and training would use it")
    _check(request, manifest, outcome, advance)
    _export(request, Manifest(out), outcome)
    return outcome


def _check_rules(study: Study, src: Path | None) -> None:
    try:
        records.check(study)
    except ValueError as error:
        raise DataError(f"study '{study.id}': {error}", subject=src, remedy="mend it there") from error


def _check(request: Request, manifest: Manifest, outcome: Outcome, advance: Advance) -> None:
    """Patients and studies always; the images' content where it was asked for."""
    images = request.check or request.drop_leaks
    report = leaks.check_leaks(manifest, images, lambda: advance("comparing images", None))
    if report.leaks and request.drop_leaks:
        outcome.dropped = drop_leaks(manifest, report)
        manifest = Manifest(request.out)
        outcome.summary = Summary.of(manifest)
        report = leaks.check_leaks(manifest, images)
    outcome.leaks = report
    _write_lines(request.out / leaks.FILE, [str(leak) for leak in report.leaks])
    report.require_none()


def _export(request: Request, manifest: Manifest, outcome: Outcome) -> None:
    if "r2gen" in request.also:
        written, left = r2gen.export(manifest, request.out)
        outcome.notes.append(f"wrote {written:,} studies to {r2gen.FILE}")
        if left:
            outcome.notes.append(f"  left out: {left:,} studies without findings or in no part")
    if "imagefolder" in request.also:
        written, left = imagefolder.export(manifest, request.out)
        outcome.notes.append(f"wrote {written:,} images to train/, validation/ and test/")
        if left:
            outcome.notes.append(f"  left out: {left:,} images that are missing or in no part")


def _settings(kind: Any, settings: dict[str, str]) -> Any:
    try:
        values = {key: {"yes": "true", "no": "false"}.get(value, value) for key, value in settings.items()}
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        keys = ", ".join(kind.__struct_fields__) or "none"
        raise UsageError(f"--set: {error}", remedy=f"the keys of this source are: {keys}") from error


def _relative(root: Path, out: Path) -> str:
    try:
        return Path(os.path.relpath(root.resolve(), out.resolve())).as_posix()
    except ValueError:  # another drive
        return root.resolve().as_posix()


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    """A file of lines; none where there is nothing to say, nor one of an earlier run."""
    if not lines:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as file:
        file.writelines(f"{line}\n".encode() for line in lines)
