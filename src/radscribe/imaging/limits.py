"""What no file may be, whatever its format: too small, too large, of one value."""

from __future__ import annotations

from os import PathLike

import numpy as np
import numpy.typing as npt

from radscribe.errors import ImageError

MIN_SIDE = 64  # pixels; below that no finding can be seen
MAX_PIXELS = 1 << 26  # 67 megapixels: beyond any detector, and 270 MB as float32


def check_pixels(pixels: npt.NDArray[np.float32], subject: str | PathLike[str]) -> None:
    """Refuse what cannot be a radiograph whatever the format.

    Raises
    ------
    ImageError : a side under 64 pixels, one constant value, or values that are not numbers.
    """
    height, width = pixels.shape
    if min(height, width) < MIN_SIDE:
        raise ImageError(
            f"is {width}x{height} pixels", subject=subject, remedy=f"give an image of at least {MIN_SIDE} px"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError("holds values that are not numbers", subject=subject, remedy="export it again")
    if low == high:
        raise ImageError(
            "holds nothing: all pixels have one value", subject=subject, remedy="give another image"
        )


def check_size(width: int, height: int, subject: str | PathLike[str]) -> None:
    """Refuse a decompression bomb before its pixels are decoded.

    Raises
    ------
    ImageError : more than `MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"claims {width}x{height} pixels, more than any radiograph has",
            subject=subject,
            remedy=f"give an image of at most {MAX_PIXELS // 1_000_000} megapixels",
        )


def one_line(reason: object, length: int = 160) -> str:
    """What a decoder says, or a value from a file, as one short line of printable characters."""
    text = " ".join(str(reason).split()) or type(reason).__name__
    return "".join(c if c.isprintable() else "?" for c in text[:length])
