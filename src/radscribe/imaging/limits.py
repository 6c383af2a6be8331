"""Limits for files of every format: size, and at least two grey values."""

from __future__ import annotations

from os import PathLike

import numpy as np
import numpy.typing as npt

from radscribe.errors import ImageError

MIN_SIDE = 64  # pixels; below that no finding can be seen
MAX_PIXELS = 1 << 26  # 67 megapixels: beyond any detector, and 270 MB as float32


def check_pixels(
    pixels: npt.NDArray[np.float32], subject: str | PathLike[str], size: tuple[int, int] | None = None
) -> None:
    """Refuse images that cannot be a radiograph, in any format.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Grey values to check.
    subject : str or path
        Name of the image in errors.
    size : (int, int), optional
        Height and width before the image was resized (default: those of `pixels`).

    Raises
    ------
    ImageError
        If a side has fewer than 64 pixels, all pixels have one value, or values are not numbers.
    """
    height, width = size or pixels.shape
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


def check_size(width: int, height: int, subject: str | PathLike[str], max_pixels: int = MAX_PIXELS) -> None:
    """Refuse an image that is too large before its pixels are decoded.

    Raises
    ------
    ImageError
        If it has more than `max_pixels`.
    """
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"claims {width}x{height} pixels, more than any radiograph has",
            subject=subject,
            remedy=f"give an image of at most {MAX_PIXELS // 1_000_000} megapixels",
        )
    if width * height > max_pixels:
        raise ImageError(
            f"has {width}x{height} pixels",
            subject=subject,
            remedy=f"give an image of at most {max_pixels / 1e6:g} megapixels",
        )


def one_line(reason: object, length: int = 160) -> str:
    """Make a value from a file one short line of printable characters."""
    text = " ".join(str(reason).split()) or type(reason).__name__
    return "".join(c if c.isprintable() else "?" for c in text[:length])
