"""From a download to a manifest: read a source, find its images, write, attach features, check for leaks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from radscribe.data import attach, duplicates, features, imagefolder, leaks, r2gen, records, webdataset
from radscribe.data import manifest as manifest_file
from radscribe.data.attach import Attached
from radscribe.data.duplicates import Duplicates
from radscribe.data.image_files import ImageFiles, image_key, image_size, iu_uid
from radscribe.data.manifest import VERSION, Header, Manifest
from radscribe.data.sources import SOURCES
from radscribe.data.sources.source import Collection, Job
from radscribe.data.splits import Parts
from radscribe.data.study import ImageRef, Study
from radscribe.data.summary import Summary
from radscribe.errors import DataError, LeakError, UsageError
from radscribe.files import atomic_write, make_folder, refuse_existing, writing

EXPORTS = ("r2gen", "imagefolder")
MISSING = "missing.txt"
NAMED = 3  # missing images that an error names
Advance = Callable[[str, int | None], object]


@dataclass(frozen=True, slots=True)
class Request:
    """A job for `radscribe prepare`.

    Parameters
    ----------
    source : str
        Name of the source.
    src : Path, optional
        The download: a folder, or a file.
    out : Path
        The folder of the manifest.
    settings : dict
        The source's settings, as text.
    parts : Parts
        How to split a dataset that has no official split.
    allow_missing : bool
        Write the manifest although images are missing.
    drop_missing : bool
        Leave out missing images, and studies that have no other image.
    exclude : Path, optional
        A text file with ids of studies or patients to leave out.
    duplicates : {"error", "group", "rename", "drop"}
        What to do with studies that share an id.
    features : Path, optional
        A `.npz` file with features to attach.
    check : bool
        Compare the content of the images in the leak check too.
    drop_leaks : bool
        Take studies that leak out of their part.
    also : sequence of str
        Further layouts to write, of `EXPORTS`.
    overwrite : bool
        Whether an earlier manifest may be replaced.
    """

    source: str
    src: Path | None
    out: Path
    settings: dict[str, str] = field(default_factory=dict)
    parts: Parts = field(default_factory=Parts)
    allow_missing: bool = False
    drop_missing: bool = False
    exclude: Path | None = None
    duplicates: Duplicates = "error"
    features: Path | None = None
    check: bool = False
    drop_leaks: bool = False
    also: Sequence[str] = ()
    overwrite: bool = False


@dataclass(slots=True)
class Outcome:
    """Result of `radscribe prepare`.

    Parameters
    ----------
    manifest : Path
        The file that was written.
    summary : Summary
        Counts by part.
    missing : list of str
        Paths of images that are missing or unreadable.
    notes : list of str
        Remarks for the user.
    attached : Attached, optional
        Which features were attached.
    leaks : LeakReport, optional
        What the leak check found.
    dropped : int
        Studies that were taken out of their part because they leak.
    """

    manifest: Path
    summary: Summary
    missing: list[str]
    notes: list[str]
    attached: Attached | None = None
    leaks: leaks.LeakReport | None = None
    dropped: int = 0


def prepare(request: Request, advance: Advance = lambda step, total: None) -> Outcome:
    """Write a manifest. It is complete, or it is not there.

    Parameters
    ----------
    request : Request
        What to do.
    advance : callable
        Called once per study and, in the leak check, once per image, with the step's name and its total, if
        that is known.

    Returns
    -------
    Outcome
        What was done.

    Raises
    ------
    DataError
        The download lacks something or breaks a rule, or images are missing and that is not allowed.
    LeakError
        Parts overlap. The manifest is written, and `leaks.txt` beside it lists the leaks.
    UsageError
        The source has no such setting, or needs SRC and has none.
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
    for name in _targets(request):
        refuse_existing(request.out / name, request.overwrite)
    with _nothing_left_on_error(request.out):
        job = Job(request.src or request.out, request.out, request.parts, request.duplicates)
        return _write(request, source.collect(job, settings), advance)


def _targets(request: Request) -> list[str]:
    """The files that the request replaces, if they exist."""
    names = [manifest_file.FILE]
    if request.features is not None:
        names.append(features.FILE)
    if "r2gen" in request.also:
        names.append(r2gen.FILE)
    if "imagefolder" in request.also:
        names += [f"{folder}/{imagefolder.FILE}" for folder in imagefolder.FOLDERS.values()]
    if "webdataset" in request.also:
        names.append(f"{webdataset.FOLDER}/{manifest_file.FILE}")
    return names


@contextmanager
def _nothing_left_on_error(out: Path) -> Iterator[None]:
    """Make the folder; after an error or an interruption, remove what is new in it.

    After a `LeakError` the manifest stays, so that one can look at what leaks.
    """
    before = set(out.iterdir()) if out.is_dir() else set()
    existed = out.exists()
    make_folder(out)
    try:
        with writing(out):
            yield
    except LeakError:
        raise
    except BaseException:
        for path in set(out.iterdir()) - before:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if not existed:
            out.rmdir()
        raise


def _write(request: Request, collection: Collection, advance: Advance) -> Outcome:
    out = request.out
    summary, missing = Summary(), list[str]()
    header = Header(
        VERSION, collection.source, collection.licence, collection.citation, _relative(collection.root, out)
    )
    excluded = Excluded(request.exclude) if request.exclude else None
    look, left_out = _Look(collection.root, missing), set[str]()

    def studies() -> Iterator[Study]:
        total = 0
        for study in duplicates.resolve(collection.studies, request.duplicates, collection.notes):
            advance("reading studies", collection.total)
            if excluded is not None and study in excluded:
                left_out.add(study.id)
                continue
            _check_rules(study, request.src)  # before any file that it names is opened
            total += len(study.images)
            study = replace(study, images=tuple(map(look, study.images)))
            if request.drop_missing and study.images:
                study = study.without_missing()
                if not study.images:
                    left_out.add(study.id)
                    continue
            summary.add(study)
            yield study
        if missing and not (request.allow_missing or request.drop_missing):
            raise _missing_error(missing, collection.root, total)
        if not summary.studies:
            raise DataError("holds no study", subject=request.src, remedy="check that it is the right folder")

    manifest_file.write(out, header, studies(), left_out)
    outcome = Outcome(out / manifest_file.FILE, summary, missing, list(collection.notes))
    if excluded is not None:
        outcome.notes.append(excluded.note)
    if summary.empty:
        outcome.notes.append(f"{summary.empty:,} reports have neither findings nor impression")
    _write_lines(out / MISSING, missing)
    manifest = Manifest(out)
    if request.features is not None:
        outcome.attached = attach.attach(manifest, request.features, out)
        manifest = _with_features(manifest, set(outcome.attached.missing))
    elif (out / features.FILE).exists():
        outcome.notes.append(f"{features.FILE} of an earlier run is still there, and training would use it")
    _check(request, manifest, outcome, advance)
    _export(request, Manifest(out), outcome)
    return outcome


class _Look:
    """Looks for images: gives each its size and, if it is stored under another suffix, its path."""

    def __init__(self, root: Path, missing: list[str]) -> None:
        self._files, self._missing = ImageFiles(root), missing

    def __call__(self, image: ImageRef) -> ImageRef:
        found, size = image.path, None
        try:
            size = image_size(self._files.root / image.path)
        except (FileNotFoundError, NotADirectoryError):
            found = self._files.find(image.path) or image.path
            if found != image.path:
                size = image_size(self._files.root / found)
        if size is None:
            self._missing.append(image.path)
            return replace(image, missing=True)
        return replace(image, path=found, width=size[0], height=size[1], missing=False)


def _missing_error(missing: Sequence[str], root: Path, total: int) -> DataError:
    more = ", ..." if len(missing) > NAMED else ""
    return DataError(
        f"{len(missing):,} of {total:,} images are missing or unreadable: {', '.join(missing[:NAMED])}{more}",
        subject=root,
        remedy=f"name their folder with --set images=DIR, or give --allow-missing ({MISSING} lists them) or "
        "--drop-missing",
    )


def _with_features(manifest: Manifest, lacking: set[str]) -> Manifest:
    """Images that have features are not missing, although there is no file."""
    if any(image.missing for study in manifest for image in study.images):
        studies = (
            replace(
                study,
                images=tuple(replace(i, missing=i.missing and i.path in lacking) for i in study.images),
            )
            for study in manifest
        )
        manifest_file.write(manifest.path, manifest.header, studies)
    return Manifest(manifest.path)


def _check_rules(study: Study, src: Path | None) -> None:
    try:
        records.check(study)
    except ValueError as error:
        raise DataError(f"study '{study.id}': {error}", subject=src, remedy="correct it there") from error


def _check(request: Request, manifest: Manifest, outcome: Outcome, advance: Advance) -> None:
    """Compare patients and studies, and the content of images if that was asked for."""
    images = request.check or request.drop_leaks
    report = leaks.check_leaks(manifest, images, lambda: advance("comparing images", None))
    if report.leaks and request.drop_leaks:
        outcome.dropped = leaks.drop_leaks(manifest, report)
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
    if "webdataset" in request.also:
        written, left = webdataset.export(manifest, request.out / webdataset.FOLDER)
        outcome.notes.append(
            f"wrote {written:,} images to {webdataset.FOLDER}/, which --data takes for training"
        )
        if left:
            outcome.notes.append(f"  left out: {left:,} images that are missing or in no part")


def _settings(kind: Any, settings: dict[str, str]) -> Any:
    try:
        values = {key: {"yes": "true", "no": "false"}.get(value, value) for key, value in settings.items()}
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        keys = ", ".join(kind.__struct_fields__) or "none"
        unknown = [key for key in settings if key not in kind.__struct_fields__]
        near = [match[0] for key in unknown if (match := get_close_matches(key, kind.__struct_fields__, n=1))]
        hint = f"did you mean {near[0]}? " if near else ""
        problem = f"there is no key '{unknown[0]}'" if unknown else str(error)
        raise UsageError(f"--set: {problem}", remedy=f"{hint}the keys of this source are: {keys}") from error


def _relative(root: Path, out: Path) -> str:
    try:
        return Path(os.path.relpath(root.resolve(), out.resolve())).as_posix()
    except ValueError:  # another drive
        return root.resolve().as_posix()


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    """Write a file of lines; without lines there is no file, not even that of an earlier run."""
    if not lines:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as file:
        file.writelines(f"{line}\n".encode() for line in lines)


class Excluded:
    """A list of names, one per line: ids of studies or patients, or names of images.

    Indiana studies are also found by their number: `45` stands for `CXR45` and `CXR45_IM-2111`. Blank lines
    and lines that start with ``#`` do not count.

    Parameters
    ----------
    path : Path
        The text file.

    Raises
    ------
    DataError
        The file cannot be read, or names nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.studies = path, 0
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise DataError(
                f"cannot be read: {reason}", subject=path, remedy="give a text file with one id per line"
            ) from error
        self._names = {line for line in lines if line and not line.startswith("#")}
        self._keys = {image_key(name): name for name in self._names}
        self._used: set[str] = set()
        if not self._names:
            raise DataError("names no study", subject=path, remedy="give a text file with one id per line")

    def __contains__(self, study: Study) -> bool:
        """Whether a study is to be left out; it is counted."""
        ids = {study.id, study.patient_id, iu_uid(study.id)}
        found = {name for name in ids if name is not None} & self._names
        keys = (image_key(image.path) for image in study.images)
        found |= {self._keys[key] for key in keys if key in self._keys}
        self._used |= found
        self.studies += bool(found)
        return bool(found)

    @property
    def note(self) -> str:
        """How many studies were left out, and how many names of the list fit none."""
        unused = sorted(self._names - self._used)
        text = f"left out {self.studies:,} studies that {self.path.name} names"
        if unused:
            text += f"; {len(unused):,} of its {len(self._names):,} lines fit no study, such as {unused[0]}"
        return text
