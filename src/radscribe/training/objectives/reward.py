"""The reward of a caption: CIDEr-D against its reference, and F1 of the findings that it asserts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from radscribe.evaluation.findings.assertions import Booleans, Labelled, asserted
from radscribe.evaluation.metrics.base import Floats
from radscribe.evaluation.metrics.cider import CiderD
from radscribe.evaluation.tokenisation.named import TOKENIZATIONS
from radscribe.training import config

MEMORY = 50_000  # texts whose findings are kept


def finding_f1(said: Booleans, written: Booleans) -> Floats:
    """F1 of each study's findings `[N, F]` → `[N]`; 1 where neither text asserts any."""
    total = said.sum(1) + written.sum(1)
    f1: Floats = np.where(total > 0, 2 * (said & written).sum(1) / np.maximum(total, 1), 1.0)
    return f1


def micro_f1_share(said: Booleans, written: Booleans) -> Floats:
    """Contribution of each study's findings `[N, F]` to the micro-F1 of all N, `[N]`, to first order.

    A study by itself, where silence is right more often than not, teaches a caption to assert nothing. With
    F = 2 TP / D, D = 2 TP + FP + FN, the share is (2 TP_n - F D_n) / mean D: a finding is worth asserting
    from a probability of F / 2 on (Lipton et al., Optimal Thresholding of Classifiers to Maximize F1, 2014).
    """
    hits = 2.0 * (said & written).sum(1)  # [N]
    total = said.sum(1) + written.sum(1)  # [N]
    share: Floats = (hits - hits.sum() / max(total.sum(), 1) * total) / max(total.mean(), 1e-9)
    return share


FINDING_F1 = {"study": finding_f1, "micro": micro_f1_share}


class Reward:
    """Mixes the two.

    Parameters
    ----------
    reports : sequence of str
        References of the training part, whose document frequencies CIDEr-D weighs by.
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
        findings = FINDING_F1[self.weights.finding_f1](said, written)
        return self.weights.cider_weight * np.array(cider) + self.weights.finding_weight * findings
