"""The chest check: is this a frontal or lateral chest radiograph, upright and with bright bones?

A small convolutional network on 64 x 64 pixels of the picture that the encoder sees, at the common exposure
(`exposure.normalise`). `benchmarks/chest_check/train.py` trains it; its weights and threshold are beside this
file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe.imaging.exposure import normalise
from radscribe.imaging.radiograph import Radiograph, View
from radscribe.imaging.resize import resize

SIZE = 64  # of the network's input
PICTURE = 320  # of the normalised picture, where no encoder says its own size
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
    """The result of the check of one image.

    Attributes
    ----------
    refused : str or None
        Why the image is not to be captioned; None if it is.
    view : str
        The view that the header states, else "frontal" or "lateral" as the image looks.
    probabilities : dict of str to float
        Probability of each of `CLASSES`.
    """

    refused: str | None
    view: View
    probabilities: dict[str, float]


class ChestChecker:
    """The loaded check; may be used from several threads."""

    def __init__(self) -> None:
        from radscribe.runtime.onnx_session import open_session

        self._session: Any = open_session(GRAPH, threads=1)
        self._threshold = float(json.loads(SETTINGS.read_text())["threshold"])

    def __call__(self, radiographs: Sequence[Radiograph]) -> list[ChestCheck]:
        """Check images as they were read, each on its own."""
        return [
            self.check(normalise(resize(radiograph.pixels, PICTURE, PICTURE)), radiograph.view)
            for radiograph in radiographs
        ]

    def check(self, picture: npt.NDArray[np.float32], view: View = "unknown") -> ChestCheck:
        """Check the picture that the encoder sees.

        Parameters
        ----------
        picture : ndarray of float32, shape (S, S)
            Output of `exposure.normalise` at the size of the encoder.
        view : str
            View that the header states.
        """
        small = resize(picture, SIZE, SIZE)[None, None]
        (rows,) = self._session.run(["probabilities"], {"images": small})
        probabilities = {name: float(p) for name, p in zip(CLASSES, rows[0], strict=True)}
        frontal, lateral = probabilities["frontal"], probabilities["lateral"]
        looks: View = "frontal" if frontal >= lateral else "lateral"
        refused = None
        if frontal + lateral < self._threshold:
            likeliest = max(REASONS, key=probabilities.__getitem__)
            refused = REASONS[likeliest] if probabilities[likeliest] > 0.5 else UNSURE
        return ChestCheck(refused, looks if view == "unknown" else view, probabilities)
