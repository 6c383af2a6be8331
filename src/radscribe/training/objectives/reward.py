"""What a caption is worth: CIDEr-D against its reference, and F1 of the findings that it asserts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from radscribe.evaluation.cider_one import CiderD
from radscribe.evaluation.clinical import Booleans, Labelled, asserted
from radscribe.evaluation.metric import Floats
from radscribe.evaluation.tokenization import TOKENIZATIONS
from radscribe.training import config

MEMORY = 50_000  # texts whose findings are kept


def finding_f1(said: Booleans, written: Booleans) -> Floats:
    """F1 of each study's findings `[N, F]` → `[N]`; 1 where neither text asserts any."""
    total = said.sum(1) + written.sum(1)
    f1: Floats = np.where(total > 0, 2 * (said & written).sum(1) / np.maximum(total, 1), 1.0)
    return f1


class Reward:
    """Mixes the two.

    Parameters
    ----------
    reports : references of the training part, whose document frequencies CIDEr-D weighs by.
    """

    def __init__(self, weights: config.Reward, reports: Sequence[str]) -> None:
        self.weights = weights
        self._tokens = TOKENIZATIONS["plain"].tokens
        self._cider = CiderD(map(self._tokens, reports))
        self._asserted = lru_cache(MEMORY)(lambda text: asserted(Labelled().codes([text])[0], "absent"))

    def __call__(self, captions: Sequence[str], references: Sequence[str]) -> Floats:
        """The reward of each caption, `[N]`."""
        said, written = (np.stack([self._asserted(t) for t in texts]) for texts in (captions, references))
        cider = [
            self._cider.score(self._tokens(caption), self._tokens(reference))
            for caption, reference in zip(captions, references, strict=True)
        ]
        return self.weights.cider_weight * np.array(cider) + self.weights.finding_weight * finding_f1(
            said, written
        )
