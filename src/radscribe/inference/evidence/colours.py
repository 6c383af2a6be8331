"""Values on a fixed scale → colours over a grey radiograph.

Published activation maps are mostly drawn in *jet* and stretched to each map's own range, so that two
pictures do not compare, and bands appear where there are none (Borland & Taylor, Rainbow Color Map (Still)
Considered Harmful, IEEE CG&A 2007). Here the colours are *plasma* of matplotlib (van der Walt & Smith, 2015,
CC0): from blue over red to yellow as in jet, but its lightness rises evenly, and it has neither black nor
white, so it is never taken for the radiograph. The scale is the same in every picture, and opacity rises with
the value: what has nothing to do with a finding stays a plain radiograph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

_EVERY_15TH = (
    "0d0887 2f0596 4903a0 6100a7 7801a8 8e0ca4 a21d9a b42e8d c43e7f "
    "d24f71 de6164 e97257 f3854b f99a3e fdaf31 fdc627 f8df25 f0f921"
)
_MARKS = np.array([list(bytes.fromhex(colour)) for colour in _EVERY_15TH.split()], dtype=np.float32)
PLASMA = np.stack(
    [np.interp(np.arange(256), np.arange(0, 256, 15), _MARKS[:, channel]) for channel in range(3)], axis=1
).astype(np.float32)  # [256, 3]
OPACITY = (0.6 * np.linspace(0, 1, 256) ** 1.3).astype(np.float32)  # [256]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to the 256 levels of the colours.

    Parameters
    ----------
    low, high : values of the first and the last level; what lies outside gets these.
    logarithmic : levels are even in the logarithm.
    ticks : value and what is written beside it.
    meaning : of the values.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    meaning: str
    logarithmic: bool = False

    def levels(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Levels 0..255 of values, of their shape."""
        clipped = np.clip(values, self.low, self.high)
        if self.logarithmic:
            share = np.log(clipped / self.low) / math.log(self.high / self.low)
        else:
            share = (clipped - self.low) / (self.high - self.low)
        return np.asarray(np.rint(share * 255), dtype=np.uint8)


PROBABILITY = Scale(
    0.0,
    1.0,
    ((0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1")),
    "probability by each cell on its own",
)
SHARE = Scale(
    1.0,
    32.0,
    ((1.0, "0-1"), (2.0, "2"), (4.0, "4"), (8.0, "8"), (16.0, "16"), (32.0, "32+")),
    "share of each cell, times an even share",
    logarithmic=True,
)


def blend(pixels: npt.NDArray[np.uint8], levels: npt.NDArray[np.uint8]) -> Image.Image:
    """Colours of `levels` `[H, W]` over grey `pixels` `[H, W]`; RGB."""
    level = Image.fromarray(levels)
    colours = Image.merge("RGB", [level.point(np.rint(PLASMA[:, channel]).tolist()) for channel in range(3)])
    opacity = level.point(np.rint(255 * OPACITY).tolist())
    return Image.composite(colours, Image.fromarray(pixels).convert("RGB"), opacity)
