"""Inputs that a caller may pass as one study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from radscribe.data.study import Study
from radscribe.errors import ImageError, UsageError
from radscribe.imaging.header import read_header
from radscribe.imaging.radiograph import Radiograph
from radscribe.imaging.reader import check_pixels, decode, read
from radscribe.inference.patients import Patient, several_patients

# PIL images and pydicom data sets are recognised by the name of their class, so paths load neither library.
Image = str | PathLike[str] | bytes | BinaryIO | Radiograph | npt.NDArray[Any] | Any
Source = Image | Study | Sequence[Image]

KINDS = "give a path, bytes, a binary file, a PIL image, a pydicom Dataset, an array, a Radiograph or a list"


@dataclass(frozen=True, slots=True)
class Unread:
    """An image that is not a path and is still to be decoded, and what messages call it."""

    source: Any
    name: str


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier study of the same patient.

    Parameters
    ----------
    images : path, bytes, binary file, PIL image, pydicom data set, array, Radiograph or list
        Its image, or a list of its images; an empty list if there is only a report.
    report : str
        What was reported then.
    """

    images: Any = ()
    report: str = ""


@dataclass(frozen=True, slots=True)
class StudyInput:
    """The images of one study, read or still to be read.

    Parameters
    ----------
    name : str
        What the study is called.
    images : tuple of Path, Unread or Radiograph
        Its images.
    warnings : tuple of str
        What the caption must say about how the images were put together.
    refused : str, optional
        Why these images are not one study. No caption is written then.
    indication : str
        Why the study was asked for; empty if that is not known.
    prior : StudyInput, optional
        An earlier study of the same patient, which may have no images but a report.
    report : str
        What was reported of an earlier study.
    context_asked : bool
        Whether the caption must say that its bundle reads no such context.
    """

    name: str
    images: tuple[Path | Unread | Radiograph, ...]
    warnings: tuple[str, ...] = ()
    refused: str | None = None
    indication: str = ""
    prior: StudyInput | None = None
    report: str = ""
    context_asked: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """Where the images came from."""
        return tuple(_origin(image) for image in self.images)


def as_study(source: Source, name: str | None = None) -> StudyInput:
    """Make one study of anything that a caller may pass.

    Images whose DICOM headers name different patients are refused as one study.

    Parameters
    ----------
    source : path, bytes, binary file, PIL image, pydicom Dataset, array, Radiograph, Study or sequence
        One image, a `Study`, or the images of one study. See `radscribe.read` for how each is interpreted.
    name : str, optional
        What the study is called (default: the id of a `Study`, or the first file).

    Raises
    ------
    UsageError
        If the source is none of these, or an array of another shape.
    """
    more: dict[str, Any] = {}
    if isinstance(source, Study):
        images: tuple[Path | Unread | Radiograph, ...] = source.files
        name, more = source.id, {"indication": source.indication, "prior": as_prior(source.earlier)}
    elif isinstance(source, (list, tuple)):
        images = tuple(_image(image) for image in source)
    else:
        images = (_image(source),)
    if not images:
        raise UsageError("a study needs at least one image", subject=name)
    refused = several_patients([_patient(image) for image in images]) if len(images) > 1 else None
    return StudyInput(name or _origin(images[0]), images, refused=refused, **more)


def as_prior(prior: Prior | Study | None) -> StudyInput | None:
    """Make an earlier study of its images and its report.

    Raises
    ------
    UsageError
        If it has neither images nor a report.
    """
    if prior is None:
        return None
    if isinstance(prior, Study):
        images: Any = list(prior.files) if prior.images else []
        name, report = prior.id, prior.text()
    else:
        images, name, report = prior.images, None, prior.report
    if isinstance(images, (list, tuple)) and not images:
        if not report.strip() and not isinstance(prior, Study):
            raise UsageError("a prior study needs images or a report")
        return StudyInput(name or "prior study", (), report=report)
    return replace(as_study(images, name), report=report)


def with_context(
    study: StudyInput, indication: str | None = None, prior: Prior | Study | None = None
) -> StudyInput:
    """Give a study its context; None leaves a part unchanged."""
    if indication is None and prior is None:
        return study
    return replace(
        study,
        indication=study.indication if indication is None else indication,
        prior=study.prior if prior is None else as_prior(prior),
        context_asked=True,
    )


def of_one_patient(study: StudyInput, other: StudyInput) -> bool:
    """Whether two studies can be of one patient, by the headers of their images."""
    patients = [_patient(image) for image in (*study.images, *other.images)]
    return several_patients(patients) is None


def is_one_image(source: object) -> bool:
    """Whether a source is a single image, not an iterable of studies."""
    return isinstance(source, (str, PathLike, bytes, bytearray, np.ndarray, Radiograph, Study)) or (
        hasattr(source, "read") or _is_a(source, "PIL.Image", "Image") or _is_dataset(source)
    )


def read_image(
    image: Path | Unread | Radiograph, size: int | None = None, *, exact: bool = True
) -> Radiograph:
    """Read an image of a study.

    Parameters
    ----------
    size : int, optional
        Side in pixels of the square that files are resized to while they are read (default: keep the size).
    exact : bool
        Decode JPEG and JPEG 2000 at full resolution even if `size` needs less.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    if isinstance(image, Radiograph):
        check_pixels(image.pixels, image.provenance.path or "array")
        return image
    if isinstance(image, Path):
        if image.is_dir():  # a folder that holds images came as its files
            raise ImageError(
                "is a folder without images", subject=image, remedy="name image files, or their folder"
            )
        return read(image, size=size, exact=exact)
    try:
        return read(image.source, size=size, exact=exact)
    except ImageError as error:
        raise ImageError(error.problem, subject=image.name, remedy=error.remedy) from error


def _image(image: Image) -> Path | Unread | Radiograph:
    if isinstance(image, Radiograph):
        return image
    if isinstance(image, (str, PathLike)):
        return Path(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return Unread(bytes(image), "bytes")
    if isinstance(image, np.ndarray):
        return decode(image)
    if _is_a(image, "PIL.Image", "Image"):
        return Unread(image, str(getattr(image, "filename", "") or "PIL image"))
    if _is_dataset(image):
        return Unread(image, str(getattr(image, "filename", "") or "Dataset"))
    if callable(getattr(image, "read", None)):
        content = image.read()
        if not isinstance(content, bytes):
            raise UsageError("a file object must be opened in binary mode", remedy="open it with mode 'rb'")
        return Unread(content, str(getattr(image, "name", "file")))
    raise UsageError(f"not an image: {type(image).__name__}", remedy=KINDS)


def _origin(image: Path | Unread | Radiograph) -> str:
    if isinstance(image, Path):
        return str(image)
    return image.name if isinstance(image, Unread) else image.provenance.path or "array"


def _patient(image: Path | Unread | Radiograph) -> Patient:
    """The patient in the image's DICOM header."""
    if isinstance(image, Path):
        return Patient.of(read_header(image), image.name)
    if isinstance(image, Unread) and isinstance(image.source, bytes):
        return Patient.of(read_header(image.source), image.name)
    dataset = image.source if isinstance(image, Unread) and _is_dataset(image.source) else {}
    id_, name, birth = (
        str(dataset.get(keyword) or "").strip() or None
        for keyword in ("PatientID", "PatientName", "PatientBirthDate")
    )
    return Patient(_origin(image), id_, name, birth)


def _is_a(value: object, module: str, name: str) -> bool:
    return any(kind.__module__ == module and kind.__name__ == name for kind in type(value).__mro__)


def _is_dataset(value: object) -> bool:
    return _is_a(value, "pydicom.dataset", "Dataset")
