"""Resampling: one way for training, inference and the chest check."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image


def resize(pixels: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
    """Bilinear with antialiasing: float32 `[H, W]` → float32 `[height, width]`.

    The aspect ratio is not kept: CheXNet was trained on radiographs squeezed to a square.
    """
    if pixels.shape == (height, width):
        return pixels
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(resized, dtype=np.float32)
