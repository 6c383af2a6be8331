"""The reward of a caption: CIDEr-D against its reference, its findings, and clinical rewards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from radscribe.evaluation.findings.assertions import Booleans, Labelled, asserted
from radscribe.evaluation.metrics.base import Floats
from radscribe.evaluation.metrics.cider import CiderD
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from radscribe.training import config
from radscribe.training.objectives.clinical import ClinicalReward, RadGraphReward, micro_share

MEMORY = 50_000  # texts whose findings are kept


def finding_f1(said: Booleans, written: Booleans) -> Floats:
    """F1 of each study's findings `[N, F]` → `[N]`; 1 where neither text asserts any."""
    total = said.sum(1) + written.sum(1)
    f1: Floats = np.where(total > 0, 2 * (said & written).sum(1) / np.maximum(total, 1), 1.0)
    return f1


def micro_f1_share(said: Booleans, written: Booleans) -> Floats:
    """`micro_share` of each study's findings `[N, F]` in the micro-F1 of all N, `[N]`."""
    return micro_share((said & written).sum(1) * 1.0, (said.sum(1) + written.sum(1)) * 1.0)


FINDING_F1 = {"study": finding_f1, "micro": micro_f1_share}


class Reward:
    """Mixes the rewards of a configuration; those of weight 0 are not computed.

    Parameters
    ----------
    reports : sequence of str
        References of the training part, whose document frequencies CIDEr-D weighs by.
    """

    def __init__(self, weights: config.Reward, reports: Sequence[str]) -> None:
        self.weights = weights
        self._tokens = TOKENIZATIONS["plain"].tokens
        self._cider = CiderD(map(self._tokens, reports)) if weights.cider_weight else None
        self._asserted = lru_cache(MEMORY)(lambda text: asserted(Labelled().codes([text])[0], "absent"))
        self._clinical = ClinicalReward() if weights.clinical_weight else None
        self._radgraph = RadGraphReward() if weights.radgraph_weight else None

    def __call__(self, captions: Sequence[str], references: Sequence[str]) -> Floats:
        """The reward of each caption, `[N]`."""
        weights = self.weights
        reward: Floats = np.zeros(len(captions))
        if self._cider is not None:
            cider = [
                self._cider.score(self._tokens(caption), self._tokens(reference))
                for caption, reference in zip(captions, references, strict=True)
            ]
            reward = reward + weights.cider_weight * np.array(cider)
        if weights.finding_weight:
            said, written = (np.stack([self._asserted(t) for t in texts]) for texts in (captions, references))
            reward = reward + weights.finding_weight * FINDING_F1[weights.finding_f1](said, written)
        if self._clinical is not None:
            reward = reward + weights.clinical_weight * self._clinical(captions, references)
        if self._radgraph is not None:
            reward = reward + weights.radgraph_weight * self._radgraph(captions, references)
        return reward
