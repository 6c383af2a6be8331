"""`read`: any file that may hold a radiograph, to a `Radiograph`; what it is, its first bytes decide."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Literal

from radscribe.errors import ImageError
from radscribe.imaging.limits import MIN_SIDE, check_pixels
from radscribe.imaging.radiograph import Radiograph

__all__ = ["MIN_SIDE", "check_pixels", "decode", "head_is_dicom", "is_dicom", "kind_of", "read", "study_uid"]

# First bytes of each kind of picture; WebP's name stands at byte 8.
PICTURE_SIGNATURES: tuple[bytes, ...] = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"BM",  # BMP
    b"II*\x00",  # TIFF, little endian
    b"MM\x00*",  # TIFF, big endian
)
# A DICOM file without the preamble starts with an element of group 0002 or 0008.
DICOM_WITHOUT_PREAMBLE: tuple[bytes, ...] = (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")


def read(path: str | PathLike[str]) -> Radiograph:
    """Read a DICOM, PNG, JPEG, BMP, TIFF or WebP file.

    Returns
    -------
    pixels are float32 `[H, W]` in 0..1, bright is dense.

    Raises
    ------
    ImageError : the file is missing, empty, damaged, too large, smaller than 64 pixels, of one constant
        value, or not an image of a single frame.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except FileNotFoundError:
        raise ImageError("there is no such file", subject=path, remedy="check the path") from None
    except IsADirectoryError:
        raise ImageError("is a directory", subject=path, remedy="name the files in it") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"cannot be opened: {reason}", subject=path, remedy="check the path") from error
    radiograph = decode(path, head)
    check_pixels(radiograph.pixels, path)
    return radiograph


def decode(path: Path, head: bytes) -> Radiograph:
    """The pixels of a file that starts with `head`, whatever their number; raises `ImageError`."""
    if kind_of(head, path) == "dicom":
        from radscribe.imaging.dicom import read_dicom

        return read_dicom(path)
    from radscribe.imaging.picture import read_picture

    return read_picture(path)


def kind_of(head: bytes, subject: str | PathLike[str]) -> Literal["dicom", "picture"]:
    """What a file that starts with these 132 bytes is; raises `ImageError` where it is empty or neither."""
    if not head:
        raise ImageError("is empty (0 bytes)", subject=subject, remedy="copy or export it again")
    # DICOM first: the 128 bytes before its mark may be those of a TIFF (PS3.10 7.1).
    if head_is_dicom(head):
        return "dicom"
    if head.startswith(PICTURE_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "picture"
    raise ImageError(
        "is not an image that radscribe reads",
        subject=subject,
        remedy="give a DICOM, PNG, JPEG, BMP, TIFF or WebP file",
    )


def is_dicom(path: Path) -> bool:
    """Whether the file says that it is DICOM (or looks like one without the preamble); no error is raised."""
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except (OSError, ValueError):
        return False
    return head_is_dicom(head)


def head_is_dicom(head: bytes) -> bool:
    """Whether the first 132 bytes of a file are those of a DICOM file."""
    return head[128:132] == b"DICM" or head.startswith(DICOM_WITHOUT_PREAMBLE)


def study_uid(path: Path) -> str | None:
    """The StudyInstanceUID of a DICOM file, without reading its pixels; None where there is none."""
    if not is_dicom(path):
        return None
    from radscribe.imaging.dicom import read_study_uid

    return read_study_uid(path)
