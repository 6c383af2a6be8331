"""The chest check: is this a frontal or lateral chest radiograph, upright and with bright bones?

A small convolutional network on 64 x 64 pixels, trained by `benchmarks/chest_check/train.py`; its weights,
classes and threshold lie beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe.imaging.radiograph import Radiograph, View
from radscribe.imaging.resize import resize

SIZE = 64
CLASSES = ("frontal", "lateral", "rotated_90", "rotated_180", "rotated_270", "inverted", "not_chest")
GRAPH = Path(__file__).with_name("chest_check.onnx")
SETTINGS = Path(__file__).with_name("chest_check.json")  # {"threshold": least P(frontal) + P(lateral)}

REASONS = {
    "rotated_90": "the film lies on its side: turn it a quarter clockwise",
    "rotated_180": "the film is upside down",
    "rotated_270": "the film lies on its side: turn it a quarter counter-clockwise",
    "inverted": "grey values are inverted: bones are dark",
    "not_chest": "this is not a chest radiograph",
}
UNSURE = "this does not look like a frontal or lateral chest radiograph"


@dataclass(frozen=True, slots=True)
class ChestCheck:
    """What the check says of one image.

    Parameters
    ----------
    refused : str, optional
        Why the image should not be captioned; None if it may be.
    view : View
        The view in the header, or else "frontal" or "lateral", as the image looks.
    probabilities : dict of str to float
        Probability of each of `CLASSES`.
    """

    refused: str | None
    view: View
    probabilities: dict[str, float]


class ChestChecker:
    """The check, loaded."""

    def __init__(self) -> None:
        from radscribe.runtime.onnx_session import open_session

        self._session: Any = open_session(GRAPH, threads=1)
        self._threshold = float(json.loads(SETTINGS.read_text())["threshold"])

    def __call__(self, radiographs: Sequence[Radiograph]) -> list[ChestCheck]:
        """Check images, each on its own."""
        return [self._judge(radiograph) for radiograph in radiographs]

    def _judge(self, radiograph: Radiograph) -> ChestCheck:
        small = resize(radiograph.pixels, SIZE, SIZE)[None, None]
        (rows,) = self._session.run(["probabilities"], {"images": stretch(small)})
        probabilities = {name: float(p) for name, p in zip(CLASSES, rows[0], strict=True)}
        frontal, lateral = probabilities["frontal"], probabilities["lateral"]
        looks: View = "frontal" if frontal >= lateral else "lateral"
        view: View = looks if radiograph.view == "unknown" else radiograph.view
        refused = None
        if frontal + lateral < self._threshold:
            likeliest = max(REASONS, key=probabilities.__getitem__)
            refused = REASONS[likeliest] if probabilities[likeliest] > 0.5 else UNSURE
        return ChestCheck(refused, view, probabilities)


def stretch(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each image's own 1st to 99th percentile to 0..1: exposure says nothing about the body part."""
    ranked = np.sort(images.reshape(len(images), -1), axis=1)
    low, high = (_percentile(ranked, share)[:, None, None, None] for share in (0.01, 0.99))
    scaled: npt.NDArray[np.float32] = (images - low) / np.maximum(high - low, np.float32(1e-3))
    return np.clip(scaled, 0, 1)


def _percentile(ranked: npt.NDArray[np.float32], share: float) -> npt.NDArray[np.float32]:
    """`np.percentile` of sorted rows `[N, K]`, to the bit and in a quarter of its time."""
    below, between = divmod(share * (ranked.shape[1] - 1), 1)
    low, high = ranked[:, int(below)], ranked[:, int(below) + 1]
    step = (high - low).astype(np.float64)
    exact: npt.NDArray[Any] = low + step * between if between < 0.5 else high - step * (1 - between)
    return exact.astype(np.float32)
