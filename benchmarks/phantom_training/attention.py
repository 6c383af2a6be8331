"""Compare where a captioner looks while it names a finding with where the finding was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radscribe.data.manifest import Manifest
from radscribe.inference.caption import Caption

Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of the image's sides
Drawn = dict[str, list[Box]]  # finding → its boxes in one image


@dataclass(frozen=True, slots=True)
class Look:
    """One finding that a caption names and that is there: `mass` of its attention lies in the box, which is a
    `share` of the image."""

    finding: str
    mass: float
    share: float


def boxes(manifest: Manifest) -> dict[str, Drawn]:
    """The findings drawn in each image of a manifest of `radscribe prepare phantom`, by the image's path."""
    drawn: dict[str, Drawn] = {}
    for image in (image for study in manifest for image in study.images):
        for box in image.boxes:
            edges = (box.x, box.y, box.x + box.width, box.y + box.height)
            drawn.setdefault(image.path, {}).setdefault(box.finding, []).append(edges)
    return drawn


def covered(drawn: Sequence[Box], height: int, width: int) -> npt.NDArray[np.float64]:
    """The share of each cell that lies in one of the boxes, `[height, width]`."""
    fine = 32  # points a cell and side
    y, x = ((np.arange(n * fine) + 0.5) / (n * fine) for n in (height, width))
    inside = np.zeros((height * fine, width * fine), dtype=bool)
    for left, top, right, bottom in drawn:
        inside |= ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None, :]
    shares: npt.NDArray[np.float64] = inside.reshape(height, fine, width, fine).mean((1, 3))
    return shares


def focus(captions: Sequence[Caption], images: Sequence[str], drawn: dict[str, Drawn]) -> list[Look]:
    """A `Look` for every finding that was drawn and is asserted; none of a model without attention.

    Parameters
    ----------
    captions : with their evidence.
    images : path of the one image that each caption is of.
    """
    looks: list[Look] = []
    for caption, image in zip(captions, images, strict=True):
        evidence = next(iter(caption.evidence), None)
        if evidence is None or evidence.words is None:
            continue
        for finding, of_finding in drawn.get(image, {}).items():
            if naming := asserting(caption, finding):
                attention = evidence.words[naming].mean(0)  # [h, w]
                inside = covered(of_finding, *attention.shape)  # [h, w]
                looks.append(Look(finding, float((attention * inside).sum()), float(inside.mean())))
    return looks


def asserting(caption: Caption, finding: str) -> list[int]:
    """The places of the tokens that assert a finding."""
    return [
        place
        for place, token in enumerate(caption.tokens)
        if token.finding == finding and token.status == "present"
    ]
