"""Pictures of evidence: a map over its radiograph, with a title, a colour bar and the disclaimer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from radscribe.labels import DISCLAIMER

Floats = npt.NDArray[np.float32]
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
    """Maps values to the 256 levels of the colours. Level 0 is transparent.

    Parameters
    ----------
    low, high : float
        Values of the first and the last level. Values outside are clipped.
    ticks : tuple of (float, str)
        Values on the colour bar, with their labels.
    meaning : str
        Meaning of the values.
    even_in : callable
        Levels are evenly spaced in this function of the value.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    meaning: str
    even_in: Callable[[Floats], Floats]

    def levels(self, values: Floats) -> npt.NDArray[np.uint8]:
        """Levels 0..255 of values, in the shape of the values."""
        low, high = self.even_in(np.array([self.low, self.high], dtype=np.float32))
        share = (self.even_in(np.clip(values, self.low, self.high)) - low) / (high - low)
        return np.asarray(np.rint(share * 255), dtype=np.uint8)


def _logit(probabilities: Floats) -> Floats:
    return np.log(probabilities) - np.log1p(-probabilities)


# Calibrated probabilities are mostly small: an even scale would leave them all in one colour.
PROBABILITY = Scale(
    0.05,
    0.95,
    ((0.05, "0-5%"), (0.1, "10%"), (0.25, "25%"), (0.5, "50%"), (0.75, "75%"), (0.9, "90%"), (0.95, "95%+")),
    "probability by each cell on its own, on a logit scale",
    _logit,
)
SHARE = Scale(
    1.0,
    32.0,
    ((1.0, "0-1"), (2.0, "2"), (4.0, "4"), (8.0, "8"), (16.0, "16"), (32.0, "32+")),
    "share of each cell, times an even share",
    np.log,
)


def blend(pixels: npt.NDArray[np.uint8], levels: npt.NDArray[np.uint8]) -> Image.Image:
    """Colours of `levels` `[H, W]` over grey `pixels` `[H, W]`; RGB."""
    level = Image.fromarray(levels)
    colours = Image.merge("RGB", [level.point(np.rint(PLASMA[:, channel]).tolist()) for channel in range(3)])
    opacity = level.point(np.rint(255 * OPACITY).tolist())
    return Image.composite(colours, Image.fromarray(pixels).convert("RGB"), opacity)


SMALLEST = 512  # pixels of an image's longer side below which it is enlarged, by a whole number
PAPER, INK, FAINT = (18, 18, 18), (240, 240, 240), (170, 170, 170)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw(
    pixels: npt.NDArray[np.uint8],
    values: npt.NDArray[np.float32],
    scale: Scale,
    title: str,
    peak: tuple[float, float],
) -> Image.Image:
    """Draw `values` `[H, W]` over `pixels` `[H, W]`, with a ring at `peak` (x, y) and margins around."""
    height, width = pixels.shape
    factor = -(-SMALLEST // max(height, width))
    radiograph = blend(pixels, scale.levels(values))
    if factor > 1:
        radiograph = radiograph.resize((width * factor, height * factor), Image.Resampling.BICUBIC)
    size = max(13, round(max(radiograph.size) / 45))
    x, y = (factor * at for at in peak)
    ink = ImageDraw.Draw(radiograph)
    for colour, stroke in (((0, 0, 0), size // 3), (INK, size // 6)):
        ink.circle((x, y), size * 0.8, outline=colour, width=max(1, stroke))
    return framed(radiograph, scale, title, f"{scale.meaning}; the ring is at the highest cell", size)


def framed(picture: Image.Image, scale: Scale, title: str, meaning: str, size: int) -> Image.Image:
    """A picture with `title` and `meaning` above, the colour bar beside and the disclaimer below it.

    Parameters
    ----------
    size : int
        Size of the letters, in pixels.
    """
    font, small = ImageFont.load_default(size), ImageFont.load_default(round(size * 0.8))
    gap, line = size // 2, round(size * 1.35)
    bar = round(5.5 * size)  # the bar, its ticks and the gaps beside them
    width = picture.width + bar
    heading, subtitle, footer = (
        wrapped(text, letters, width - 2 * gap)
        for text, letters in ((title, font), (meaning, small), (DISCLAIMER, small))
    )
    top = gap + (len(heading) + len(subtitle)) * line + gap // 2
    canvas = Image.new("RGB", (width, top + picture.height + len(footer) * line + gap), PAPER)
    ink = ImageDraw.Draw(canvas)
    for row, text in enumerate(heading):
        ink.text((gap, gap + row * line), text, INK, font)
    for row, text in enumerate(subtitle, len(heading)):
        ink.text((gap, gap + row * line), text, FAINT, small)
    canvas.paste(picture, (0, top))
    bar_height = max(picture.height - 2 * size, 2)  # a flat picture has no room for it
    _bar(canvas, scale, small, (picture.width + size, top + size, size, bar_height))
    for row, text in enumerate(footer):
        ink.text((gap, top + picture.height + gap // 2 + row * line), text, FAINT, small)
    return canvas


def _bar(canvas: Image.Image, scale: Scale, font: Font, place: tuple[int, int, int, int]) -> None:
    """The colours as they look over middle grey, the highest value on top; `place` is x, y, width, height."""
    x, y, width, height = place
    levels = np.linspace(255, 0, height).round().astype(np.uint8)[:, None].repeat(width, axis=1)
    canvas.paste(blend(np.full_like(levels, 128), levels), (x, y))
    ink = ImageDraw.Draw(canvas)
    for value, text in scale.ticks:
        level = int(scale.levels(np.array([value], dtype=np.float32))[0])
        at = y + (height - 1) * (1 - level / 255)
        ink.line((x + width, at, x + width + 4, at), INK)
        ink.text((x + width + 8, at), text, INK, font, anchor="lm")


def wrapped(text: str, font: Font, width: int) -> list[str]:
    """A text in lines of at most `width` pixels, where its words allow."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
