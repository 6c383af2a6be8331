"""A sheet of every word and its map, as figure 3 of Show, Attend and Tell (Xu et al., ICML 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from radscribe.imaging.resize import resize
from radscribe.inference.evidence.colours import SHARE, blend
from radscribe.inference.evidence.image_evidence import ImageEvidence
from radscribe.inference.evidence.overlay import FAINT, INK, PAPER, framed

SIDE = 150  # pixels of the longer side of each small picture
COLUMNS = 8
LETTERS = 15  # pixels
SAID = {"present": (255, 170, 90), "absent": (150, 200, 255), "uncertain": (230, 220, 140)}


def word_sheet(
    evidence: ImageEvidence, words: Sequence[tuple[int, str, str | None]], title: str
) -> Image.Image:
    """The words of a caption over one image.

    Parameters
    ----------
    evidence : with `words`, and the image itself.
    words : place among the tokens, what is written over its picture, and the status of the finding that it
        names, if any, which colours it.
    """
    assert evidence.pixels is not None
    shrink = SIDE / max(evidence.height, evidence.width)
    height, width = (max(1, round(n * shrink)) for n in (evidence.height, evidence.width))
    small = np.rint(resize(evidence.pixels.astype(np.float32), height, width)).astype(np.uint8)
    font, line, gap = ImageFont.load_default(LETTERS), 20, 6
    columns, step_x, step_y = min(COLUMNS, len(words) + 1), max(width, SIDE) + gap, height + line + gap
    rows = -(-(len(words) + 1) // columns)
    sheet = Image.new("RGB", (columns * step_x + gap, rows * step_y + gap), PAPER)
    ink = ImageDraw.Draw(sheet)
    plain = Image.fromarray(small).convert("RGB")
    for place, (token, text, status) in enumerate([(-1, "the image", None), *words]):
        x, y = gap + place % columns * step_x, gap + place // columns * step_y
        picture = plain
        if token >= 0:
            heat = resize(np.ascontiguousarray(evidence.cells(token)), height, width)
            picture = blend(small, SHARE.levels(heat / evidence.even))
        colour = FAINT if token < 0 else SAID.get(status or "", INK)
        ink.text((x, y + line / 2), _cut(text, font, step_x - gap), colour, font, anchor="lm")
        sheet.paste(picture, (x, y + line))
    colours = "orange words assert a finding, blue ones deny it, yellow ones leave it open"
    return framed(sheet, SHARE, title, f"{SHARE.meaning}; {colours}", LETTERS)


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while font.getlength(text) > width:
        text = text[:-2] + "…"
    return text
