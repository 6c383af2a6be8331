"""A stored image for a screen: at most 2,048 pixels on its longer side, as PNG or as raw levels."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize

LONGER_SIDE = 2048  # pixels
Floats = npt.NDArray[np.float32]


def load(path: Path) -> Floats:
    """Read pixels `[H, W]` in 0..1, reduced to at most `LONGER_SIDE`; raises `ImageError`."""
    pixels = read(path).pixels
    longer = max(pixels.shape)
    if longer <= LONGER_SIDE:
        return pixels
    height, width = (max(1, round(side * LONGER_SIDE / longer)) for side in pixels.shape)
    return resize(pixels, height, width)


def as_png(pixels: Floats) -> bytes:
    """Encode pixels as an 8-bit grey PNG file."""
    buffer = BytesIO()
    levels = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(levels).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def as_levels(pixels: Floats) -> bytes:
    """Encode pixels as unsigned 16-bit levels, little endian, row by row."""
    return np.rint(np.clip(pixels, 0, 1) * 65535).astype("<u2").tobytes()
