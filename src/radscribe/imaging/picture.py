"""PNG, JPEG, BMP, TIFF, WebP and JPEG 2000 to a `Radiograph`."""

from __future__ import annotations

import io
import warnings
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from radscribe.errors import ImageError
from radscribe.imaging.limits import MAX_PIXELS, check_size
from radscribe.imaging.radiograph import Provenance, Radiograph
from radscribe.imaging.resize import look_up, reduction

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "JPEG2000")
ORIENTATION = 0x0112  # of EXIF; 1 is upright
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
WITHOUT_RANGE = {"I": "32-bit", "F": "floating-point"}
TABLES = {bits: (np.arange(1 << bits) / ((1 << bits) - 1)).astype(np.float32) for bits in (8, 16)}
STRIPS, STRIP_LENGTHS, TILES, TILE_LENGTHS = 273, 279, 324, 325  # tags of TIFF


def read_picture(
    subject: str | PathLike[str],
    file: BinaryIO,
    size: int | None = None,
    *,
    exact: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Radiograph:
    """Read a picture: 8 bits over 255, 16 bits over 65535; EXIF orientation is applied.

    Parameters
    ----------
    subject : str or path
        Name of the file in errors.
    file : BinaryIO
        Seekable; it stays open.
    size : int, optional
        Side of the square to resize the picture to on the way (default: keep the size).
    exact : bool
        Decode JPEG at full resolution even if `size` needs less.
    max_pixels : int
        Pictures of more pixels are refused before they are decoded.

    Raises
    ------
    ImageError
        If the picture is damaged, cut short or too large, has several frames, or has samples without a
        defined range.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata; check_size judges sizes
            # From a file object: Pillow 13 maps a TIFF that it opens itself, and scrambles one turned by 90°.
            with Image.open(file, formats=FORMATS) as image:
                check_size(*image.size, subject, max_pixels)
                if image.format != "MPO" and _has_several_frames(image):
                    # MPO is a JPEG with a second picture behind it, as phones write: the first one counts.
                    raise ImageError(
                        "holds several pictures", subject=subject, remedy="save the one that is meant"
                    )
                return _radiograph(image, subject, size, exact)
    except ImageError:
        raise
    except MemoryError:
        raise ImageError("needs more memory than there is", subject=subject) from None
    except Image.DecompressionBombError as error:  # Pillow refuses the largest before `check_size` can
        raise ImageError(
            "claims more pixels than any radiograph has",
            subject=subject,
            remedy=f"give an image of at most {MAX_PIXELS // 1_000_000} megapixels",
        ) from error
    except Exception as error:  # the boundary to decoders, which raise a dozen kinds on damaged files
        problem = "is cut short" if _is_cut_short(file) else "is damaged"
        raise ImageError(problem, subject=subject, remedy="copy or export it again") from error


def from_image(
    image: Image.Image, subject: str | PathLike[str], size: int | None = None, *, max_pixels: int = MAX_PIXELS
) -> Radiograph:
    """Turn an image that Pillow holds into a radiograph, by the rules of `read_picture`.

    Raises
    ------
    ImageError
        As `read_picture` does.
    """
    check_size(*image.size, subject, max_pixels)
    try:
        return _radiograph(image, subject, size, exact=True)
    except ImageError:
        raise
    except Exception as error:  # the boundary to Pillow, which may decode only now
        raise ImageError("is damaged", subject=subject, remedy="give another image") from error


def _radiograph(
    image: Image.Image, subject: str | PathLike[str], size: int | None, exact: bool
) -> Radiograph:
    kind, original = str(image.format or "image"), (image.height, image.width)
    turned = image.getexif().get(ORIENTATION, 1) in range(2, 9)
    if size is not None and not exact and kind == "JPEG":
        level = reduction(min(image.size), size)
        if level > 1:
            image.draft(image.mode, (image.width // level, image.height // level))
    reduced_by = round(original[1] / image.width)
    image.load()  # applies a TIFF's orientation, once
    upright = ImageOps.exif_transpose(image) if turned else image  # it copies what is upright
    cells, bits = _grey(upright, subject)
    if (original[0] < original[1]) != (cells.shape[0] < cells.shape[1]):
        original = original[::-1]
    return Radiograph(
        look_up(cells, TABLES[bits], None, size, (original[0] / reduced_by, original[1] / reduced_by)),
        provenance=Provenance(
            path=str(subject),
            format=kind,
            bits=bits,
            steps=("orientation",) if turned else (),
            size=original,
        ),
    )


def _grey(image: Image.Image, subject: str | PathLike[str]) -> tuple[npt.NDArray[Any], int]:
    """Levels `[H, W]`, and the bits of a level."""
    # "I" is how Pillow before 11.3 gives a 16-bit PNG.
    if image.mode in SIXTEEN_BITS or (image.mode == "I" and image.format == "PNG"):
        return np.asarray(image).astype(np.uint16, copy=False), 16
    if image.mode in WITHOUT_RANGE:
        raise ImageError(
            f"has {WITHOUT_RANGE[image.mode]} samples without a defined range of grey values",
            subject=subject,
            remedy="save it with 8 or 16 bits",
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return np.asarray(image if image.mode == "L" else image.convert("L")), 8


def _has_several_frames(image: Image.Image) -> bool:
    """Whether there is a second frame; counting the frames of a TIFF takes quadratic time."""
    if image.format != "TIFF":
        return int(getattr(image, "n_frames", 1)) > 1
    try:
        image.seek(1)
    except EOFError:
        return False
    finally:
        image.seek(0)
    return True


def _is_cut_short(file: BinaryIO) -> bool:
    """Whether a picture that cannot be decoded ends before its format says."""
    try:
        file.seek(0)
        data = file.read()
        if data.startswith(b"\x89PNG"):
            return _png_is_cut_short(data)
        if data.startswith((b"\xff\xd8", b"\xff\x4f", b"\0\0\0\x0cjP")):  # both end with the same marker
            return b"\xff\xd9" not in data.rstrip(b"\0\n")[-64:]
        if data.startswith(b"BM"):
            return int.from_bytes(data[2:6], "little") > len(data)
        if data.startswith(b"RIFF"):
            return int.from_bytes(data[4:8], "little") + 8 > len(data)
        return _tiff_is_cut_short(data)
    except Exception:  # noqa: BLE001  any other failure means damage
        return False


def _png_is_cut_short(data: bytes) -> bool:
    at = 8
    while at + 8 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return at + 12 > len(data)
        at += 12 + int.from_bytes(data[at : at + 4])
    return True


def _tiff_is_cut_short(data: bytes) -> bool:
    if int.from_bytes(data[4:8], "little" if data[:2] == b"II" else "big") + 2 > len(data):
        return True  # the directory lies behind the end
    try:
        image = Image.open(io.BytesIO(data), formats=("TIFF",))
    except Exception:  # noqa: BLE001  the directory is cut
        return True
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    for starts, lengths in ((STRIPS, STRIP_LENGTHS), (TILES, TILE_LENGTHS)):
        places = zip(tags.get(starts, ()), tags.get(lengths, ()), strict=False)
        if any(start + length > len(data) for start, length in places):
            return True
    return False
