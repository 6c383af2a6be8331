"""`ImageEvidence`: the contribution of every cell of an image to each finding and each word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from radscribe.errors import UsageError
from radscribe.imaging.resize import resize
from radscribe.inference.evidence.pictures import PROBABILITY, SHARE, draw
from radscribe.inference.prepare import Prepared
from radscribe.runtime.numeric import sigmoid

if TYPE_CHECKING:
    from PIL import Image

Floats = npt.NDArray[np.float32]
Method = Literal["cam", "attention", "grad-cam"]
NO_MAPS = (
    "no evidence for findings: the encoder of this bundle gives no maps; export its run again, "
    "or caption with --grad-cam"
)


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
        return {name: self._displayed(cells) for name, cells in self.maps.items()}

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
        return self._displayed(heat) if isinstance(of, str) else heat

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

    def _displayed(self, values: Floats) -> Floats:
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


class Explain(Protocol):
    """Maps for decoders and encoders that give none, as `models.grad_cam.GradCam`."""

    def words(self, images: Floats, views: Sequence[str], tokens: Sequence[int]) -> Floats:
        """A study's images `[V, 1, S, S]`, a caption → what speaks for each token, `[tokens, V, h, w]`."""

    def findings(self, images: Floats) -> Floats:
        """Images `[V, 1, S, S]` → what speaks for each finding, `[V, F, h, w]`."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The maps of one study's cells from a batch.

    Parameters
    ----------
    height, width : int
        H and w, of the cells of one image.
    maps : numpy.ndarray, optional
        `[L, F]`, logits of each finding at the cells of all images and of padding, if there are some.
    """

    height: int
    width: int
    maps: Floats | None


def gather(
    prepared: Prepared,
    cells: Cells,
    attention: Floats | None,
    tokens: Sequence[int],
    names: Sequence[str],
    explain: Explain | None = None,
) -> tuple[tuple[ImageEvidence, ...], tuple[str, ...]]:
    """The evidence of a study's caption, an entry for each image, and what a reader must know of it.

    Parameters
    ----------
    attention : numpy.ndarray, optional
        `[tokens, L]`, or None if the decoder does not attend.
    names : sequence of str
        Names of the F findings.
    explain : Explain, optional
        What makes maps where there would be none.
    """
    count = len(prepared.images)
    size = (count, cells.height, cells.width)
    used = count * cells.height * cells.width
    each: list[dict[str, Floats]] = [{} for _ in range(count)]
    findings_from: Method | None = None
    words_from: Method | None = None
    by_finding: Floats | None = None  # [V, F, h, w]
    by_word: Floats | None = None  # [tokens, V, h, w]
    if cells.maps is not None:
        logits = cells.maps[:used].reshape(*size, -1).transpose(0, 3, 1, 2)
        by_finding, findings_from = logits, "cam"
    elif explain is not None:
        by_finding, findings_from = _shares(explain.findings(np.stack(prepared.images)), (2, 3)), "grad-cam"
    if attention is not None:
        by_word, words_from = attention[:, :used].reshape(-1, *size), "attention"
    elif explain is not None:
        by_word = explain.words(np.stack(prepared.images), prepared.views, tokens)
        by_word, words_from = _shares(by_word, (1, 2, 3)), "grad-cam"
    if by_finding is not None:
        each = [dict(zip(names, of_image, strict=True)) for of_image in by_finding]
    evidence = tuple(
        ImageEvidence(
            file=prepared.files[i],
            view=prepared.views[i],
            height=prepared.originals[i].shape[0],
            width=prepared.originals[i].shape[1],
            maps=each[i],
            words=None if by_word is None else by_word[:, i],
            even=1.0 if by_word is None else 1 / float(np.prod(by_word.shape[1:])),
            findings_from=findings_from,
            words_from=words_from,
            pixels=prepared.originals[i],
        )
        for i in range(count)
    )
    return evidence, () if by_finding is not None else (NO_MAPS,)


def _shares(maps: Floats, axes: tuple[int, ...]) -> Floats:
    """Positive values as shares that sum to 1, or zeros if there are none."""
    positive = np.maximum(maps, 0)
    total = positive.sum(axes, keepdims=True)
    shares: Floats = np.divide(positive, total, out=np.zeros_like(positive), where=total > 0)
    return shares
