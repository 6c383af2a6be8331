"""`clean`: from an upload to a file that reads as the same picture and holds nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import SEEK_END, BytesIO
from typing import BinaryIO

import numpy as np
from PIL import Image

from radscribe.errors import ImageError
from radscribe.imaging.limits import check_size
from radscribe.imaging.picture import FORMATS, read_picture
from radscribe.imaging.radiograph import View
from radscribe.imaging.reader import kind_of
from radscribe.serving.cleaning.dicom import Part, clean_dicom

ORIGINAL = ".image"  # suffix of a picture that is kept as it came
PIECE = 1 << 18  # bytes; larger ones leave the cache, and cost page faults


@dataclass(frozen=True, slots=True)
class CleanImage:
    """A cleaned upload, as the store keeps it.

    Parameters
    ----------
    parts : tuple of bytes, memoryview or (int, int)
        The cleaned file: its bytes, or the offset and the length of those that the upload has. Large pixel
        data that stay as they are need not be in memory.
    suffix : str
        Its type: `.png`, `.dcm` or, kept as it came, `.image`.
    height, width : int
        Pixels of the picture as it is read.
    view : View
        As the file states it.
    patient : tuple of str
        Hashes of Patient ID, name and birth date (`Patient.hashed`). They are never stored.
    """

    parts: tuple[Part, ...]
    suffix: str
    height: int
    width: int
    view: View = "unknown"
    patient: tuple[str, str, str] = ("", "", "")

    def pieces(self, upload: BinaryIO) -> Iterator[bytes | memoryview]:
        """The cleaned file in small pieces; each is valid until the next one is taken.

        Parameters
        ----------
        upload : BinaryIO
            The file that was cleaned.

        Raises
        ------
        EOFError
            The upload is shorter than when it was cleaned.
        """
        buffer = memoryview(bytearray(PIECE))
        for part in self.parts:
            if not isinstance(part, tuple):
                whole = memoryview(part)
                yield from (whole[start : start + PIECE] for start in range(0, len(whole), PIECE))
                continue
            offset, length = part
            upload.seek(offset)
            while length:
                count = upload.readinto(buffer[:length])  # type: ignore[attr-defined]
                if not count:
                    raise EOFError
                yield buffer[:count]
                length -= count


def clean(
    file: BinaryIO,
    name: str,
    max_pixels: int,
    *,
    keep_identifiers: bool = False,
    announce: Callable[[int], None] = lambda pixels: None,
) -> CleanImage:
    """Remove everything from a file that is not needed to read the same pixels.

    A picture becomes a grey PNG of the same 8 or 16 bits. A DICOM object keeps the elements that `imaging`
    reads; its pixel data is decompressed, so that nothing can hide in the compressed stream or behind it.

    Parameters
    ----------
    file : BinaryIO
        The file as it came, seekable.
    name : str
        The client's name for it, used in errors.
    max_pixels : int
        Larger pictures are refused before their pixels are decoded.
    keep_identifiers : bool
        Keep the file as it came, after the same checks.
    announce : callable
        Called with the number of pixels before they are decoded.

    Returns
    -------
    CleanImage
        The image without what identifies a person.

    Raises
    ------
    ImageError
        The file is of no format that radscribe reads, is damaged, or has more than `max_pixels`.
    """

    def check(width: int, height: int) -> None:
        check_size(width, height, name)
        if width * height > max_pixels:
            raise ImageError(
                f"has {width}x{height} pixels",
                subject=name,
                remedy=f"give an image of at most {max_pixels / 1e6:g} megapixels",
            )
        announce(width * height)

    file.seek(0)
    head = file.read(132)
    if kind_of(head, name) == "dicom":
        cleaned = clean_dicom(file, name, check)
        image = CleanImage(
            cleaned.parts, ".dcm", cleaned.height, cleaned.width, cleaned.view, cleaned.patient
        )
    else:
        image = _as_png(head + file.read(), name, check)
    if keep_identifiers:
        suffix = image.suffix if image.suffix == ".dcm" else ORIGINAL
        return replace(image, parts=((0, file.seek(0, SEEK_END)),), suffix=suffix)
    return image


def _as_png(data: bytes, name: str, check: Callable[[int, int], None]) -> CleanImage:
    """Decode and encode again: metadata and trailing bytes go, the levels stay."""
    check(*_size(data))
    radiograph = read_picture(name, BytesIO(data))
    bits = radiograph.provenance.bits or 8
    levels = radiograph.pixels  # scaled in place: a large picture must not be in memory three times
    levels *= np.float32(2**bits - 1)
    np.rint(levels, out=levels)
    buffer = BytesIO()
    Image.fromarray(levels.astype(np.uint16 if bits > 8 else np.uint8)).save(
        buffer, format="PNG", compress_level=1
    )
    return CleanImage((buffer.getvalue(),), ".png", radiograph.height, radiograph.width)


def _size(data: bytes) -> tuple[int, int]:
    """Width and height in the header, or 0, 0 without one; `read_picture` then reports the error."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            return image.size
    except Exception:  # noqa: BLE001  Pillow raises many kinds on damaged files
        return 0, 0
