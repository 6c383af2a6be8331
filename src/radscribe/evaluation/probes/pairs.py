"""Pairs of phantoms that differ in one thing: a finding, its side or size, or something without meaning.

Each image is named by what is in it, so captions that were made elsewhere need only the name: patient 7 with
a left pleural effusion of strength 0.8, brightened, is ``p0007_effusion-left-80_brightness``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from radscribe.errors import UsageError
from radscribe.files import atomic_write, staged_folder, write_text
from radscribe.phantom import DRAWABLE, FindingSpec, draw
from radscribe.phantom.findings import MIDLINE, Side

SIZE = 256  # pixels
STRENGTH, SMALL, LARGE = 0.8, 0.2, 1.0
NORMAL = "normal"
LIST = "list.csv"
Pixels = npt.NDArray[np.uint8]
Test = Literal["inserted", "removed", "other side", "enlarged", "brightness", "letter", "rotation"]
CHANGES: tuple[Test, ...] = ("inserted", "removed", "other side", "enlarged")
DISTORTIONS: tuple[Test, ...] = ("brightness", "letter", "rotation")
WHAT: dict[str, str] = {
    "inserted": "a finding is inserted into a normal chest",
    "removed": "a finding is removed, and another one stays",
    "other side": "a finding is moved to the other side",
    "enlarged": "a finding grows from just visible to gross",
    "brightness": "the image is brighter (gamma 0.75)",
    "letter": "a letter P is burnt into a corner",
    "rotation": "the image is rotated by 3 degrees",
}
_NAME = re.compile(r"p(?P<seed>\d+)_(?P<findings>[a-z0-9+-]+)(?:_[a-z]+)?")


@dataclass(frozen=True, slots=True)
class ProbeImage:
    """One drawn radiograph.

    Parameters
    ----------
    seed : int
        The patient.
    findings : tuple of FindingSpec
        What is drawn.
    distortion : str
        "brightness", "letter", "rotation", or "" for none.
    """

    seed: int
    findings: tuple[FindingSpec, ...] = ()
    distortion: str = ""

    @property
    def name(self) -> str:
        """Content of the image, as a name for files and tables."""
        shown = "+".join(
            "-".join(
                [
                    spec.name.lower(),
                    *([spec.side] if spec.side else []),
                    f"{100 * (spec.strength or 0):.0f}",
                ]
            )
            for spec in self.findings
        )
        return "_".join(
            [f"p{self.seed:04}", shown or NORMAL, *([self.distortion] if self.distortion else [])]
        )

    def pixels(self, size: int = SIZE) -> Pixels:
        """Draw the image: grey values of 8 bits, `[size, size]`, bright is dense."""
        drawn = draw(self.seed, self.findings, size=size).radiograph.pixels
        grey = np.rint(255 * drawn).astype(np.uint8)
        return _DISTORT[self.distortion](grey) if self.distortion else grey


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that differ in one thing.

    Parameters
    ----------
    test : str
        The thing: one of `CHANGES` or `DISTORTIONS`.
    finding : str
        The finding that changes, or that is in both images; "No finding" for a normal chest.
    before, after : ProbeImage
        The images. If a finding is removed, it is in `before`.
    side : {"left", "right", None}
        The side of the finding in `after`, if the test moves it there.
    """

    test: Test
    finding: str
    before: ProbeImage
    after: ProbeImage
    side: Side | None = None


def pairs(seeds: Iterable[int], findings: Sequence[str] = DRAWABLE) -> list[Pair]:
    """Make the pairs of patients and findings.

    Parameters
    ----------
    seeds : iterable of int
        The patients.
    findings : sequence of str
        Findings to test, from `radscribe.phantom.DRAWABLE`.

    Raises
    ------
    UsageError
        A finding cannot be drawn.
    """
    if unknown := [name for name in findings if name not in DRAWABLE]:
        raise UsageError(f"cannot draw '{unknown[0]}'", remedy=f"choose from {', '.join(DRAWABLE)}")
    return [pair for seed in seeds for pair in _of_patient(seed, findings)]


def _of_patient(seed: int, findings: Sequence[str]) -> list[Pair]:
    normal = ProbeImage(seed)
    made = [Pair(test, "No finding", normal, ProbeImage(seed, (), test)) for test in DISTORTIONS]
    sides: tuple[Side, Side] = ("left", "right") if seed % 2 else ("right", "left")
    for name in findings:
        here, there = (None, None) if name in MIDLINE else sides
        spec = FindingSpec(name, here, STRENGTH)
        other = FindingSpec("Effusion", sides[1], STRENGTH)
        if name != "Cardiomegaly":
            other = FindingSpec("Cardiomegaly", None, STRENGTH)
        one = ProbeImage(seed, (spec,))
        made += [
            Pair("inserted", name, normal, one),
            Pair("removed", name, ProbeImage(seed, (spec, other)), ProbeImage(seed, (other,))),
            Pair(
                "enlarged",
                name,
                ProbeImage(seed, (FindingSpec(name, here, SMALL),)),
                ProbeImage(seed, (FindingSpec(name, here, LARGE),)),
            ),
            *(Pair(test, name, one, ProbeImage(seed, (spec,), test)) for test in DISTORTIONS),
        ]
        if there:
            moved = ProbeImage(seed, (FindingSpec(name, there, STRENGTH),))
            made.append(Pair("other side", name, one, moved, there))
    return made


def images(made: Sequence[Pair]) -> list[ProbeImage]:
    """Return the images of pairs, each once."""
    return list({image.name: image for pair in made for image in (pair.before, pair.after)}.values())


def seeds_in(names: Iterable[str]) -> tuple[list[int], list[str]]:
    """Return the patients and findings of image names, such as those of a file of captions."""
    seeds: set[int] = set()
    shown: set[str] = set()
    for name in names:
        if match := _NAME.fullmatch(name):
            seeds.add(int(match["seed"]))
            name, _, rest = match["findings"].partition("-")
            if rest.endswith(f"{100 * SMALL:.0f}") and "+" not in rest:  # an image of only its own pairs
                shown.add(name)
    return sorted(seeds), [name for name in DRAWABLE if name.lower() in shown]


def write(
    folder: Path,
    made: Sequence[Pair],
    size: int = SIZE,
    overwrite: bool = False,
    advance: Callable[..., None] | None = None,
) -> int:
    """Write the images as PNG, and `list.csv` with the columns id, image and report, the last one empty.

    Parameters
    ----------
    folder : Path
        Where to write.
    made : sequence of Pair
        The pairs.
    size : int
        Side of the images in pixels.
    overwrite : bool
        Whether files in the folder may be replaced.
    advance : callable, optional
        Called with the step and the number of images after each image.

    Returns
    -------
    int
        Number of images.
    """
    needed = images(made)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("id", "image", "report"))
    with staged_folder(folder, overwrite, last=(LIST,)) as stage:
        for image in needed:
            writer.writerow((image.name, f"{image.name}.png", ""))
            with atomic_write(stage / f"{image.name}.png") as file:
                file.write(png(image.pixels(size)))
            if advance:
                advance("drawing", len(needed))
        write_text(stage / LIST, table.getvalue())
    return len(needed)


def png(pixels: Pixels) -> bytes:
    """Return pixels as a PNG file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _brighter(pixels: Pixels) -> Pixels:
    return np.rint(255 * (pixels / 255.0) ** 0.75).astype(np.uint8)


def _lettered(pixels: Pixels) -> Pixels:
    picture = Image.fromarray(pixels)
    side = picture.width
    font: Any = ImageFont.load_default(size=round(0.07 * side))
    ImageDraw.Draw(picture).text((0.90 * side, 0.88 * side), "P", fill=245, font=font)
    return np.asarray(picture)


def _rotated(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).rotate(3, Image.Resampling.BILINEAR))


_DISTORT: dict[str, Callable[[Pixels], Pixels]] = {
    "brightness": _brighter,
    "letter": _lettered,
    "rotation": _rotated,
}
