"""What a caller may hand over as one study, and how paths on a command line become studies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from radscribe.data.study import Study
from radscribe.errors import UsageError
from radscribe.imaging.radiograph import Radiograph
from radscribe.imaging.reader import is_dicom, study_uid

# PIL images and pydicom data sets are recognised by the name of their class, so paths load neither library.
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as Pillow's convert("L")
Image = str | PathLike[str] | bytes | BinaryIO | Radiograph | npt.NDArray[Any] | Any
Source = Image | Study | Sequence[Image]

KINDS = "give a path, bytes, a binary file, a PIL image, a pydicom data set, an array, a Radiograph or a list"
MOST_VIEWS = 8  # a folder with more pictures is a collection, not a study
SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".dcm", ".dicom"])
# Names that say which pictures belong together: Open-i's CXR54_IM-2145-1001, and a view at the end.
_TOGETHER = (
    re.compile(r"^(?P<study>.+_IM-\d+)-\d+(?:\.dcm)?$"),
    re.compile(r"^(?P<study>.+?)[-_ ](?:frontal|lateral|lat|pa|ap|ll|rl)$", re.I),
)


@dataclass(frozen=True, slots=True)
class FileBytes:
    """The bytes of an image file that is not on disk, and what messages call it."""

    content: bytes
    name: str


@dataclass(frozen=True, slots=True)
class StudyInput:
    """The images of one study, read or still to be read.

    Parameters
    ----------
    name : str
        What the study is called.
    images : tuple of Path, FileBytes or Radiograph
        Its images.
    """

    name: str
    images: tuple[Path | FileBytes | Radiograph, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Where the images came from."""
        return tuple(_origin(image) for image in self.images)


def _origin(image: Path | FileBytes | Radiograph) -> str:
    if isinstance(image, Path):
        return str(image)
    return image.name if isinstance(image, FileBytes) else image.provenance.path or "array"


def as_study(source: Source, name: str | None = None) -> StudyInput:
    """Make one study of anything that a caller may hand over.

    Parameters
    ----------
    source : path, bytes, binary file, PIL image, pydicom data set, array, Radiograph, Study or sequence
        One image, a `Study`, or the images of one study. An array has shape (H, W), or (H, W, 3) or (H, W, 4)
        for RGB; floats are in 0..1, integers use their full range, and bright is dense.
    name : str, optional
        What the study is called (default: the id of a `Study`, or the first file).

    Raises
    ------
    UsageError
        If the source is none of these, or an array of another shape.
    """
    if isinstance(source, Study):
        images: tuple[Path | FileBytes | Radiograph, ...] = source.files
        name = source.id
    elif isinstance(source, (str, PathLike)) and Path(source).is_dir():
        images = tuple(files_in(Path(source))) or (Path(source),)
        name = name or str(source)
    elif isinstance(source, (list, tuple)):
        images = tuple(_image(image) for image in source)
    else:
        images = (_image(source),)
    if not images:
        raise UsageError("a study needs at least one image", subject=name)
    return StudyInput(name or _origin(images[0]), images)


def is_one_image(source: object) -> bool:
    """Whether a source is a single image, not an iterable of studies."""
    return isinstance(source, (str, PathLike, bytes, bytearray, np.ndarray, Radiograph, Study)) or (
        hasattr(source, "read") or _is_pil(source) or _is_dataset(source)
    )


def _image(image: Image) -> Path | FileBytes | Radiograph:
    if isinstance(image, Radiograph):
        return image
    if isinstance(image, (str, PathLike)):
        return Path(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return FileBytes(bytes(image), "bytes")
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if _is_pil(image):
        return _from_pil(image)
    if _is_dataset(image):
        return _from_dataset(image)
    if callable(getattr(image, "read", None)):
        content = image.read()
        if not isinstance(content, bytes):
            raise UsageError("a file object must be opened in binary mode", remedy="open it with mode 'rb'")
        return FileBytes(content, str(getattr(image, "name", "file")))
    raise UsageError(f"not an image: {type(image).__name__}", remedy=KINDS)


def _from_array(array: npt.NDArray[Any]) -> Radiograph:
    if array.dtype.kind not in "iuf" or not (
        array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    ):
        raise UsageError(
            f"an array of {array.dtype} with shape {array.shape} is not an image",
            remedy="give a number array of shape (H, W), or (H, W, 3) for RGB",
        )
    if array.dtype.kind == "f":
        pixels = array.astype(np.float32)
    else:
        limits = np.iinfo(array.dtype)
        pixels = ((array - float(limits.min)) / (float(limits.max) - float(limits.min))).astype(np.float32)
    if pixels.ndim == 3:
        pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels[..., :3] @ LUMA
    return Radiograph(np.ascontiguousarray(pixels))


def _is_pil(image: object) -> bool:
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(image).__mro__)


def _is_dataset(image: object) -> bool:
    return any(kind.__module__ == "pydicom.dataset" for kind in type(image).__mro__)


def _from_pil(image: Any) -> FileBytes:
    """A PIL image is written as PNG and read like any file, so that both give the same pixels."""
    buffer = BytesIO()
    try:
        if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"):
            image = image.convert("RGB")
        image.save(buffer, "PNG", compress_level=0, exif=image.getexif())
    except Exception as error:  # a lazily opened file fails only here, in one of a dozen ways
        raise UsageError(
            "the PIL image cannot be read: its file is damaged or closed", remedy="open and load it again"
        ) from error
    return FileBytes(buffer.getvalue(), str(getattr(image, "filename", "") or "PIL image"))


def _from_dataset(dataset: Any) -> FileBytes:
    """A pydicom data set is written as a file and read like any other."""
    buffer = BytesIO()
    try:
        dataset.save_as(buffer)
    except Exception as error:  # pydicom raises a dozen kinds for what it cannot write
        raise UsageError(
            "the pydicom data set cannot be encoded", remedy="give the path of its file"
        ) from error
    return FileBytes(buffer.getvalue(), str(getattr(dataset, "filename", "") or "data set"))


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
