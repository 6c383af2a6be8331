"""What a caller may hand over as one study, and how paths on a command line become studies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe.data.study import Study
from radscribe.errors import UsageError
from radscribe.imaging.radiograph import Radiograph
from radscribe.imaging.reader import is_dicom, study_uid

Image = str | PathLike[str] | Radiograph | npt.NDArray[Any]
Source = Image | Study | Sequence[Image]

KINDS = "give a path, an array [H, W], a Radiograph, or several of them"
MOST_VIEWS = 8  # a folder with more pictures is a collection, not a study
SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".dcm", ".dicom"])
# Names that say which pictures belong together: Open-i's CXR54_IM-2145-1001, and a view at the end.
_TOGETHER = (
    re.compile(r"^(?P<study>.+_IM-\d+)-\d+(?:\.dcm)?$"),
    re.compile(r"^(?P<study>.+?)[-_ ](?:frontal|lateral|lat|pa|ap|ll|rl)$", re.I),
)


@dataclass(frozen=True, slots=True)
class StudyInput:
    """The images of one study, read or still to be read."""

    name: str
    images: tuple[Path | Radiograph, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Where the images came from."""
        return tuple(str(i) if isinstance(i, Path) else i.provenance.path or "array" for i in self.images)


def as_study(source: Source, name: str | None = None) -> StudyInput:
    """A path, a folder, an array, a `Radiograph`, a `Study`, or several images of one study.

    Parameters
    ----------
    source : an array is `[H, W]`, bright is dense: floats in 0..1, or integers over their full range. The
        paths of a `Study` start from its root.

    Raises
    ------
    UsageError : nothing of these, or an array of another shape.
    """
    if isinstance(source, Study):
        images: tuple[Path | Radiograph, ...] = source.files
        name = source.id
    elif isinstance(source, (str, PathLike)) and Path(source).is_dir():
        images = tuple(files_in(Path(source))) or (Path(source),)
        name = name or str(source)
    elif isinstance(source, (str, PathLike, Radiograph, np.ndarray)):
        images = (_image(source),)
    elif isinstance(source, Sequence):
        images = tuple(_image(image) for image in source)
    else:
        raise UsageError(f"no study: {type(source).__name__}", remedy=KINDS)
    if not images:
        raise UsageError("a study needs at least one image", subject=name)
    return StudyInput(name or StudyInput("", images).files[0], images)


def _image(image: Image) -> Path | Radiograph:
    if isinstance(image, Radiograph):
        return image
    if isinstance(image, (str, PathLike)):
        return Path(image)
    if not isinstance(image, np.ndarray):
        raise UsageError(f"no image: {type(image).__name__}", remedy=KINDS)
    if image.ndim != 2 or image.dtype.kind not in "iuf":
        raise UsageError(f"an image is a number array [H, W], not {image.dtype} {image.shape}")
    if image.dtype.kind == "f":
        return Radiograph(np.ascontiguousarray(image, dtype=np.float32))
    limits = np.iinfo(image.dtype)
    return Radiograph(((image - float(limits.min)) / (limits.max - float(limits.min))).astype(np.float32))


def group(paths: Iterable[Path], together: bool = False) -> list[StudyInput]:
    """Paths of a command line to studies, in the order given.

    DICOM files with one StudyInstanceUID are a study. A folder is a study, unless it holds more than
    `MOST_VIEWS` pictures; its sub-folders are studies of their own. Pictures are studies of their own unless
    their names say otherwise. `together` makes one study of all.
    """
    if together:
        paths = list(paths)
        files = [file for path in paths for file in (files_in(path) if path.is_dir() else [path])]
        files = files or paths  # reading them says what is wrong
        return [StudyInput(str(files[0].parent) if len(files) > 1 else str(files[0]), tuple(files))]
    studies: dict[str, list[Path]] = {}
    for path in paths:
        if not path.is_dir():
            studies.setdefault(_key(path), []).append(path)
            continue
        folders = [path, *sorted(p for p in path.rglob("*") if p.is_dir())]
        empty = True
        for folder in folders:
            files = files_in(folder)
            pictures = [file for file in files if not is_dicom(file)]
            alone = len(pictures) > MOST_VIEWS
            for file in files:
                is_picture = file in pictures
                key = str(folder) if is_picture and not alone else _key(file)
                studies.setdefault(key, []).append(file)
            empty &= not files
        if empty:
            studies.setdefault(str(path), []).append(path)  # reading it says what is wrong
    return [StudyInput(name, tuple(dict.fromkeys(files))) for name, files in studies.items()]


def files_in(folder: Path) -> list[Path]:
    """The image files of a folder, by name: by suffix, and DICOM without one."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and (path.suffix.lower() in SUFFIXES or (not path.suffix and is_dicom(path)))
    )


def _key(path: Path) -> str:
    """What the files of one study share."""
    if uid := study_uid(path):
        return uid
    for pattern in _TOGETHER:
        if match := pattern.match(path.stem):
            return str(path.parent / match["study"])
    return str(path)
