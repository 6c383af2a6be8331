"""`ImageEvidence`: the contribution of every cell of an image to each finding and each word."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from radscribe.errors import UsageError
from radscribe.imaging.resize import resize
from radscribe.inference.evidence.pictures import PROBABILITY, SHARE, draw
from radscribe.runtime.numeric import sigmoid

if TYPE_CHECKING:
    from PIL import Image

Floats = npt.NDArray[np.float32]
Method = Literal["cam", "attention", "grad-cam"]


@dataclass(frozen=True, slots=True, eq=False)
class ImageEvidence:
    """The maps of one image that had a part in a caption; h x w cells cover the whole image evenly.

    Parameters
    ----------
    height, width : int
        H and W, pixels of the image as it was read.
    maps : dict of str to Floats
        Finding → `[h, w]`. By `cam` (class activation maps, Zhou et al., CVPR 2016) the finding's calibrated
        logit in each cell; their mean is the image's logit. By `grad-cam` (Selvaraju et al., ICCV 2017) each
        cell's share of what speaks for the finding in this image. Empty if there are none.
    words : numpy.ndarray, optional
        `[tokens, h, w]`. By `attention` (Xu et al., ICML 2015) the share of each cell in what a token looked
        at, by `grad-cam` in what speaks for it; over all images of the study a token's shares sum to 1, or to
        0 where nothing speaks for it. None if the decoder does not attend.
    even : float
        The share of each cell if all cells of the study counted equally.
    pixels : numpy.ndarray, optional
        Uint8 `[H, W]`, the image itself, for overlays.
    """

    file: str
    view: str
    height: int
    width: int
    maps: dict[str, Floats]
    words: Floats | None
    even: float
    findings_from: Method | None = None
    words_from: Method | None = None
    pixels: npt.NDArray[np.uint8] | None = field(default=None, repr=False)

    @property
    def findings(self) -> dict[str, Floats]:
        """Finding → `[h, w]`: by `cam` its probability in each cell on its own, else its cells' shares."""
        return {name: self._shown(cells) for name, cells in self.maps.items()}

    def cells(self, of: str | int) -> Floats:
        """The map `[h, w]` of a finding by its name, or of a word by its place among the caption's tokens.

        Raises
        ------
        UsageError
            There is no such map.
        """
        if isinstance(of, str):
            if of not in self.maps:
                raise UsageError(
                    f"no map of '{of}'", remedy=f"there are: {', '.join(self.maps) or 'none of findings'}"
                )
            return self.maps[of]
        if self.words is None or not 0 <= of < len(self.words):
            count = 0 if self.words is None else len(self.words)
            raise UsageError(f"no map of word {of}", remedy=f"there are maps of {count} words")
        return np.asarray(self.words[of])

    def peak(self, of: str | int) -> tuple[float, float]:
        """Where a map is highest: x and y of the centre of that cell, in pixels."""
        cells = self.cells(of)
        row, column = divmod(int(cells.argmax()), cells.shape[1])
        return (column + 0.5) * self.width / cells.shape[1], (row + 0.5) * self.height / cells.shape[0]

    def heat(self, of: str | int) -> Floats:
        """A map on the image's own pixels, `[H, W]`, bilinear between the centres of the cells.

        Logits are interpolated as logits and given as probabilities.
        """
        heat = resize(np.ascontiguousarray(self.cells(of)), self.height, self.width)
        return self._shown(heat) if isinstance(of, str) else heat

    def overlay(self, of: str | int, title: str | None = None) -> Image.Image:
        """A picture (RGB) of a map over the image, with a colour bar and a ring round its highest cell.

        Raises
        ------
        UsageError
            There is no such map, or the image was not kept.
        """
        if self.pixels is None:
            raise UsageError("the image was not kept", subject=self.file, remedy="caption with evidence=True")
        title = title or (of.replace("_", " ") if isinstance(of, str) else f"word {of}")
        if isinstance(of, str) and self.findings_from == "cam":
            return draw(self.pixels, self.heat(of), PROBABILITY, title, self.peak(of))
        even = 1 / self.cells(of).size if isinstance(of, str) else self.even
        return draw(self.pixels, self.heat(of) / even, SHARE, title, self.peak(of))

    def _shown(self, values: Floats) -> Floats:
        return sigmoid(values) if self.findings_from == "cam" else values

    def to_dict(self) -> dict[str, Any]:
        """An image's evidence for `--json`: maps as rows of cells."""
        return {
            "file": self.file,
            "view": self.view,
            "height": self.height,
            "width": self.width,
            "findings": {name: _rows(cells) for name, cells in self.findings.items()},
            "findings_from": self.findings_from,
            "words": None if self.words is None else [_rows(cells) for cells in self.words],
            "words_from": self.words_from,
        }


def _rows(cells: Floats) -> list[list[float]]:
    return [[round(x, 5) for x in row] for row in cells.tolist()]
