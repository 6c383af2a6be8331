"""The head of a file, read once: its format and, for DICOM, patient, study and view."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from radscribe.errors import ImageError
from radscribe.imaging.limits import MAX_PIXELS
from radscribe.imaging.radiograph import View

if TYPE_CHECKING:
    from pydicom import Dataset

Kind = Literal["DICOM", "PNG", "JPEG", "TIFF", "BMP", "WebP", "JPEG 2000", "other"]
Readable = str | PathLike[str] | bytes | BinaryIO

IMAGE_SUFFIXES = frozenset(
    (
        ".dcm",
        ".dicom",
        ".ima",
        ".png",
        ".jpg",
        ".jpeg",
        ".tif",
        ".tiff",
        ".bmp",
        ".webp",
        ".jp2",
        ".j2k",
        ".jpx",
        ".j2c",
    )
)
"""Usual suffixes of images. The first bytes of a file, not its suffix, decide its format."""

SIGNATURES: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),  # BigTIFF
    (b"MM\x00+", "TIFF"),
    (b"BM", "BMP"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),  # a codestream without the file format around it
)
_REASONS = (
    "ReasonForStudy",
    "ReasonForTheRequestedProcedure",
    "RequestedProcedureDescription",
    "StudyDescription",
)
HEAD = 132  # bytes that decide the kind


@dataclass(frozen=True, slots=True)
class Header:
    """The content of a file's head.

    Attributes
    ----------
    kind : str
        By the first bytes: "DICOM", "PNG", "JPEG", "TIFF", "BMP", "WebP", "JPEG 2000" or "other".
    is_image : bool
        Whether the file is a picture or a DICOM object with pixels. A DICOM file that is too damaged to tell
        counts as an image, so that reading it says what is wrong.
    width, height : int or None
        Size in pixels, if the head states it.
    study_uid, series_uid, instance_uid, sop_class : str or None
        DICOM UIDs.
    patient_id, patient_name, birth_date, issuer : str or None
        Of the DICOM header, as written. For grouping files only: never store or log them.
    view : str
        How the beam went, as far as the DICOM header says.
    indication : str or None
        Why the study was asked for: Reason for Study (0032,1030), Reason for the Requested Procedure
        (0040,1002), Requested Procedure Description (0032,1060) or Study Description (0008,1030), the first
        that is filled. It may name the patient, and is used only on request.
    """

    kind: Kind
    is_image: bool
    width: int | None = None
    height: int | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    instance_uid: str | None = None
    sop_class: str | None = None
    patient_id: str | None = None
    patient_name: str | None = None
    birth_date: str | None = None
    issuer: str | None = None
    view: View = "unknown"
    indication: str | None = None


def read_header(source: Readable) -> Header:
    """Read the head of a file.

    Parameters
    ----------
    source : path, bytes or binary file object
        A file object keeps its position.

    Returns
    -------
    Header
        For an empty file, a directory or a file that cannot be opened: kind "other", not an image.
    """
    try:
        with opened(source) as file:
            head = file.read(HEAD)
            kind = kind_of_bytes(head)
            if kind == "other":
                return Header(kind, False)
            file.seek(0)
            return _dicom_header(file) if kind == "DICOM" else _picture_header(file, kind)
    except (OSError, ValueError):
        return Header("other", False)


def kind_of_bytes(head: bytes) -> Kind:
    """Tell the kind of a file from its first 132 bytes.

    Parameters
    ----------
    head : bytes
        Fewer than 132 if the file is shorter.

    Returns
    -------
    str
        See `Header.kind`.
    """
    # DICOM first: the 128 bytes before its mark may be those of a TIFF (PS3.10 7.1).
    if head[128:132] == b"DICM" or _starts_like_a_data_set(head):
        return "DICOM"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    return next((kind for signature, kind in SIGNATURES if head.startswith(signature)), "other")


def _starts_like_a_data_set(head: bytes) -> bool:
    """Whether the first element is one of group 0002 or 0008 (PS3.5 7.1), in any encoding."""
    order: Literal["little", "big"] = "little" if head[:1] != b"\0" else "big"
    group, element = int.from_bytes(head[:2], order), int.from_bytes(head[2:4], order)
    if len(head) < 8 or group not in (2, 8) or element > 0x2000:
        return False
    if head[4:6].isalpha() and head[4:6].isupper():  # explicit VR
        return True
    return order == "little" and int.from_bytes(head[4:8], order) < 1 << 16  # implicit VR has a short value


@contextmanager
def opened(source: Readable) -> Iterator[BinaryIO]:
    """Open a path or bytes; a file object is rewound, and its position restored at the end."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
    elif isinstance(source, (str, PathLike)):
        with Path(source).open("rb") as file:
            yield file
    else:
        before = source.tell()
        source.seek(0)
        try:
            yield source
        finally:
            source.seek(before)


def _picture_header(file: BinaryIO, kind: Kind) -> Header:
    from PIL import Image

    from radscribe.imaging.picture import FORMATS

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=FORMATS) as image:
                return Header(kind, True, *image.size)
    except Exception:  # noqa: BLE001  damaged files raise a dozen kinds; reading says what is wrong
        return Header(kind, True)


def text_of(dataset: Dataset, keyword: str) -> str | None:
    """Return a value of a DICOM header as text; None if it is missing or pydicom cannot decode it."""
    try:
        return str(dataset.get(keyword) or "").strip() or None
    except Exception:  # noqa: BLE001  pydicom raises many kinds
        return None


def _dicom_header(file: BinaryIO) -> Header:
    from radscribe.imaging.dicom_file import parse
    from radscribe.imaging.dicom_view import view_of

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of every value that bends the standard
            parsed = parse(file, "", MAX_PIXELS, strict=False)
            dataset = parsed.dataset
            text = partial(text_of, dataset)

            def number(keyword: str) -> int | None:
                value = text(keyword)
                return int(value) if value and value.isdecimal() else None

            sop_class = text("SOPClassUID")
            return Header(
                "DICOM",
                parsed.pixels is not None or bool(parsed.notes),
                width=number("Columns"),
                height=number("Rows"),
                study_uid=text("StudyInstanceUID"),
                series_uid=text("SeriesInstanceUID"),
                instance_uid=text("SOPInstanceUID"),
                sop_class=sop_class,
                patient_id=text("PatientID"),
                patient_name=text("PatientName"),
                birth_date=text("PatientBirthDate"),
                issuer=text("IssuerOfPatientID"),
                view=view_of(dataset),
                indication=next(filter(None, map(text, _REASONS)), None),
            )
    except ImageError:
        return Header("DICOM", True)
    except Exception:  # noqa: BLE001  as above
        return Header("DICOM", True)
