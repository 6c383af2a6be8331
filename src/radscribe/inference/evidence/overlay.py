"""A map over its radiograph, with a title, a colour bar and the disclaimer: a picture that stands alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from radscribe.inference.disclaimer import DISCLAIMER
from radscribe.inference.evidence.colours import Scale, blend

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
    size : of the letters, in pixels.
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
