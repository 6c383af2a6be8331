"""The film as a secondary capture: radiographs side by side, with evidence, boxes and a burnt-in banner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from highdicom.sc import SCImage
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset

from radscribe.errors import DataError
from radscribe.imaging.resize import resize
from radscribe.inference.evidence.pictures import PROBABILITY, blend, wrapped
from radscribe.interop.results.dataset import finish, series
from radscribe.interop.results.record import Film, FindingResult, Result, box_of

KIND = "film"
BANNER = "DRAFT, machine-generated"
HEIGHT = 768  # pixels of each radiograph
GAP = 8
LETTERS = 22
ALARM, PAPER, INK = (150, 30, 20), (18, 18, 18), (255, 255, 255)
COLOURS = ((255, 190, 80), (120, 210, 255), (160, 240, 140), (255, 140, 200), (220, 220, 120))
Pixels = npt.NDArray[np.uint8]


def film_capture(result: Result, pixels: Sequence[Pixels]) -> Dataset:
    """Make the secondary capture.

    Parameters
    ----------
    pixels : sequence of numpy.ndarray
        Uint8 `[H, W]`, the radiographs of `result.films`, bright is dense.

    Raises
    ------
    DataError
        There is no radiograph.
    """
    if not pixels:
        raise DataError("the study has no radiograph to show", remedy="send it again")
    picture = np.asarray(draw_films(result, pixels))
    capture = SCImage(
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        study_instance_uid=result.identity.study_instance_uid,
        patient_birth_date="",
        **series(result, KIND),
    )
    capture.PatientOrientation = []  # several views have none in common
    capture.BodyPartExamined = "CHEST"
    capture.DerivationDescription = "Evidence of a machine-generated draft over the radiographs"
    capture.SourceImageSequence = [_source(film) for film in result.films]
    return finish(capture, result)


def _source(film: Film) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = film.instance.sop_class_uid
    item.ReferencedSOPInstanceUID = film.instance.sop_instance_uid
    return item


def draw_films(result: Result, pixels: Sequence[Pixels]) -> Image.Image:
    """Draw the radiographs side by side, with what the draft asserts or doubts marked in each."""
    shown = [finding for finding in result.results if finding.status in ("present", "uncertain")]
    films = [_marked(film, image, shown) for film, image in zip(result.films, pixels, strict=True)]
    font, small = ImageFont.load_default(LETTERS), ImageFont.load_default(round(LETTERS * 0.7))
    width = sum(film.width for film in films) + GAP * (len(films) - 1)
    line = round(1.4 * LETTERS)
    note = f"Not verified, not for diagnosis. Marks by {result.bundle}, {result.at:%Y-%m-%d %H:%M} UTC."
    head, foot = wrapped(BANNER, font, width - 2 * GAP), wrapped(note, small, width - 2 * GAP)
    top = len(head) * line + 2 * GAP
    canvas = Image.new("RGB", (width, top + HEIGHT + len(foot) * line + GAP), PAPER)
    ink = ImageDraw.Draw(canvas)
    ink.rectangle((0, 0, width, top - 1), fill=ALARM)
    for row, text in enumerate(head):
        ink.text((width / 2, GAP + (row + 0.5) * line), text, INK, font, anchor="mm")
    at = 0
    for film in films:
        canvas.paste(film, (at, top))
        at += film.width + GAP
    for row, text in enumerate(foot):
        ink.text((GAP, top + HEIGHT + GAP + row * line), text, INK, small)
    return canvas


def _marked(film: Film, pixels: Pixels, shown: Sequence[FindingResult]) -> Image.Image:
    """One radiograph with its evidence as colours, and a labelled box per finding that has one."""
    height, width = pixels.shape
    size = (HEIGHT, max(1, round(width * HEIGHT / height)))
    grey = np.rint(resize(pixels.astype(np.float32), *size)).clip(0, 255).astype(np.uint8)
    maps = [film.maps[finding.name] for finding in shown if finding.name in film.maps]
    if maps:
        levels = PROBABILITY.levels(resize(np.ascontiguousarray(np.max(maps, axis=0)), *size))
        picture = blend(grey, levels)
    else:
        picture = Image.fromarray(grey).convert("RGB")
    ink, font = ImageDraw.Draw(picture), ImageFont.load_default(LETTERS)
    for number, finding in enumerate(shown):
        box = box_of(film.maps[finding.name]) if finding.name in film.maps else None
        if box is None:
            continue
        colour = COLOURS[number % len(COLOURS)]
        left, right = box.left * size[1], box.right * size[1]
        ink.rectangle((left, box.top * HEIGHT, right, box.bottom * HEIGHT), outline=colour, width=4)
        label = finding.name.replace("_", " ")
        if finding.probability is not None:
            label += f" {finding.probability:.0%}"
        if finding.status == "uncertain":
            label += " (uncertain)"
        x = min(left, max(0, size[1] - font.getlength(label) - GAP))
        y = box.top * HEIGHT - LETTERS * 1.3
        y = y if y > 0 else box.bottom * HEIGHT + GAP
        ink.text((x, y), label, colour, font, stroke_width=3, stroke_fill=PAPER)
    return picture
