"""Turn the outputs of encoder and decoder for a study into an `ImageEvidence` for each of its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from radscribe.inference.evidence.image_evidence import ImageEvidence, Method
from radscribe.inference.prepare import Prepared

Floats = npt.NDArray[np.float32]
NO_MAPS = (
    "no evidence for findings: the encoder of this bundle gives no maps; export its run again, "
    "or caption with --grad-cam"
)


class Explain(Protocol):
    """Maps for decoders and encoders that give none of their own, as `models.grad_cam.GradCam`."""

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
