"""A folder of pictures and arrays per study: what `radscribe caption --evidence DIR` writes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from radscribe.errors import UsageError
from radscribe.files import staged_folder
from radscribe.imaging.resize import resize
from radscribe.inference.caption import Caption
from radscribe.inference.confidence import asserted
from radscribe.inference.evidence.image_evidence import ImageEvidence, Method
from radscribe.inference.evidence.pictures import FAINT, INK, PAPER, SHARE, blend, framed
from radscribe.labels import DISCLAIMER

LEAST = 0.005  # a finding that rounds to 0% gets no picture
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
    evidence : ImageEvidence
        Evidence with `words` and the image itself.
    words : Sequence[tuple[int, str, str or None]]
        Index of the token, the text over its picture, and the status of the finding that it names,
        if any, which colours it.
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


Which = Literal["stated", "all"]
ARRAYS = "evidence.json"
HOW: dict[Method | None, str] = {
    "cam": "class activation map",
    "attention": "what the decoder looked at",
    "grad-cam": "what speaks for it, by Grad-CAM",
}
COMPRESSION = 2  # of zlib: more takes twice as long for the same size, as radiographs are noisy


def shown(caption: Caption, point: float, which: Which = "stated") -> list[str]:
    """List the findings that get a picture, most probable first.

    `stated`: findings that the caption asserts or whose probability is at least `point`; without any, the
    most probable one, so that there is something to look at.
    """
    falling = sorted(caption.findings, key=lambda name: -caption.findings[name])
    falling = [name for name in falling if caption.findings[name] >= LEAST]
    if which == "all":
        return falling
    said = asserted(caption)
    stated = [name for name in falling if name in said or caption.findings[name] >= point]
    return stated or falling[:1]


def safe_name(study: str) -> str:
    """A plain folder name of a study's id: its last part, of harmless signs, and a digest of the whole."""
    part = re.sub(r"[^A-Za-z0-9._-]+", "_", re.split(r"[/\\]", study.rstrip("/\\"))[-1]).strip("._")
    return f"{part[:60] or 'study'}-{hashlib.sha256(study.encode(errors='surrogateescape')).hexdigest()[:8]}"


def write(caption: Caption, out: Path, point: float, which: Which = "stated") -> Path:
    """Write a study's pictures and `evidence.json` into its own folder within `out`.

    The folder is written completely or not at all. It replaces the pictures of an earlier call.

    Parameters
    ----------
    caption : Caption
        A caption with evidence.
    out : Path
        Folder for the folders of all studies.
    point : float
        Probability from which a finding gets a picture.
    which : {"stated", "all"}
        The findings that get a picture; see `shown`.

    Returns
    -------
    Path
        The study's folder.

    Raises
    ------
    OutputError
        The folder cannot be written.
    UsageError
        The folder is a link.
    """
    folder = out / safe_name(caption.study)
    if folder.is_symlink():
        raise UsageError("is a link; evidence is written only into real folders", subject=folder)
    stale = [old.name for old in folder.glob("*.png")]
    with staged_folder(folder, overwrite=True, last=(ARRAYS,), stale=stale) as stage:
        pictures = []
        for name, about, picture in _pictures(caption, shown(caption, point, which)):
            picture.save(stage / name, "PNG", compress_level=COMPRESSION)
            pictures.append({"picture": name, **about})
        content = {"disclaimer": DISCLAIMER, **caption.to_dict(), "pictures": pictures}
        (stage / ARRAYS).write_bytes(json.dumps(content).encode("ascii") + b"\n")
    return folder


def _pictures(caption: Caption, names: list[str]) -> Iterator[tuple[str, dict[str, str], Image.Image]]:
    """Yield file name, description and picture for each finding of each image, and for its words."""
    for number, evidence in enumerate(caption.evidence, 1):
        which = f", image {number} of {len(caption.evidence)}" if len(caption.evidence) > 1 else ""
        for name in names:
            if name in evidence.maps:
                finding, probability = name.replace("_", " "), f"{caption.findings[name]:.0%} in the study"
                title = f"{finding}: {probability} ({HOW[evidence.findings_from]}{which})"
                about = {"image": evidence.file, "finding": name}
                yield f"{number}-{safe_finding(name)}.png", about, evidence.overlay(name, title)
        if words := _words(caption, evidence):
            title = f"Each word: {HOW[evidence.words_from]}{which}"
            yield f"{number}-words.png", {"image": evidence.file}, word_sheet(evidence, words, title)


def safe_finding(name: str) -> str:
    """A finding's name, which a bundle may choose freely, as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:60]


def _words(caption: Caption, evidence: ImageEvidence) -> list[tuple[int, str, str | None]]:
    """The words of a caption for the sheet: all tokens but signs."""
    if evidence.words is None or caption.text is None:
        return []
    return [
        (place, caption.text[token.start : token.end], token.status)
        for place, token in enumerate(caption.tokens)
        if any(sign.isalnum() for sign in caption.text[token.start : token.end])
    ]
