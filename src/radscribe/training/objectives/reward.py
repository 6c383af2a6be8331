"""The reward of a caption: CIDEr-D against its reference, its findings, and clinical rewards.

The clinical reward by rule reads both texts with the labeller. A finding that both assert earns one, less
where the caption gives another side or zone than the report, or none where the report gives one. A finding
that one text asserts and the other denies in words counts against the caption twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from radscribe.errors import UsageError
from radscribe.evaluation.findings.assertions import FINDINGS, PRESENT, Booleans, Codes, Labelled, asserted
from radscribe.evaluation.findings.reading_errors import Sides, negated, sides, wrong_side
from radscribe.evaluation.metrics.base import Floats
from radscribe.evaluation.metrics.cider import CiderD
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from radscribe.training import config

OTHER_SIDE, NO_SIDE = 0.75, 0.25  # what a finding earns less
OTHER_ZONE, NO_ZONE = 0.25, 0.1
_ZONES = {"upper": 1, "mid": 2, "lower": 4}
_PLACE = {name: place for place, name in enumerate(FINDINGS)}
RADGRAPH_MODEL, RADGRAPH_LEVEL = "radgraph-xl", "partial"
MEMORY = 50_000  # texts whose findings are kept


class Read(NamedTuple):
    """What texts say, `[N, F]` each: codes of findings, and bits of the sides and zones of asserted ones."""

    codes: Codes
    sides: Sides
    zones: npt.NDArray[np.int8]


def read(texts: Sequence[str], labelled: Labelled) -> Read:
    """Read texts with the labeller."""
    mentions = [labelled.mentions(text) for text in texts]
    zones = np.zeros((len(texts), len(FINDINGS)), np.int8)
    for row, found in enumerate(mentions):
        for mention in found:
            if mention.status == "present" and mention.finding in _PLACE:
                for zone in mention.zones:
                    zones[row, _PLACE[mention.finding]] |= _ZONES[zone]
    return Read(labelled.codes(texts), np.stack([sides(found) for found in mentions]), zones)


def earned_and_possible(captions: Read, references: Read) -> tuple[Floats, Floats]:
    """Return what each caption earns and what there was to earn or lose, `[N]` each.

    `2 * earned.sum() / totals.sum()` is a micro-F1 in which a finding on the wrong side is a quarter right.
    """
    said, written = captions.codes == PRESENT, references.codes == PRESENT
    lost = OTHER_SIDE * wrong_side(captions.sides, references.sides)
    lost += NO_SIDE * ((captions.sides == 0) & (references.sides > 0))
    apart = (captions.zones > 0) & (references.zones > 0) & (captions.zones & references.zones == 0)
    lost += OTHER_ZONE * apart + NO_ZONE * ((captions.zones == 0) & (references.zones > 0))
    earned = ((said & written) * np.maximum(1 - lost, 0)).sum(1)
    totals = said.sum(1) + written.sum(1) + negated(captions.codes, references.codes).sum(1)
    return earned.astype(np.float64), totals.astype(np.float64)


def micro_share(earned: Floats, totals: Floats) -> Floats:
    """Return what each study adds to the micro-F1 of all N, to first order: `[N]`, `[N]` → `[N]`.

    A reward per study, where silence is right more often than not, teaches a caption to assert nothing. With
    F = 2 C / D, C = sum of earned, D = sum of totals, the share is (2 C_n - F D_n) / mean D: a finding is
    worth asserting from a probability of F / 2 on (Lipton et al., Optimal Thresholding of Classifiers to
    Maximize F1, 2014).
    """
    f1 = 2 * earned.sum() / max(totals.sum(), 1)
    share: Floats = (2 * earned - f1 * totals) / max(totals.mean(), 1e-9)
    return share


class ClinicalReward:
    """The rule-based reward of captions against reports."""

    def __init__(self) -> None:
        self._labelled = Labelled()

    def __call__(self, captions: Sequence[str], references: Sequence[str]) -> Floats:
        """The reward of each caption, `[N]`: its share of the micro-F1 of all."""
        return micro_share(*self._both(captions, references))

    def f1(self, captions: Sequence[str], references: Sequence[str]) -> float:
        """The micro-F1 of findings with their sides and zones."""
        earned, totals = self._both(captions, references)
        return float(2 * earned.sum() / max(totals.sum(), 1))

    def _both(self, captions: Sequence[str], references: Sequence[str]) -> tuple[Floats, Floats]:
        return earned_and_possible(read(captions, self._labelled), read(references, self._labelled))


class RadGraphReward:
    """RadGraph F1 of captions (Jain et al., RadGraph, NeurIPS 2021; Delbrouck et al., ACL 2022).

    The package `radgraph` downloads its model when the reward is made.

    Raises
    ------
    UsageError
        `radgraph` is not installed, or cannot load its model.
    """

    def __init__(self) -> None:
        try:
            scorer = import_module("radgraph").F1RadGraph
        except ImportError as error:
            raise UsageError(
                "reward.radgraph_weight needs the package radgraph",
                remedy="pip install radgraph, or set reward.radgraph_weight=0",
            ) from error
        try:
            self._scorer: Any = scorer(reward_level=RADGRAPH_LEVEL, model_type=RADGRAPH_MODEL)
        except Exception as error:
            raise UsageError(
                f"radgraph cannot load its model {RADGRAPH_MODEL}: {str(error).partition(chr(10))[0]}",
                remedy="download it as the package's README says, or set reward.radgraph_weight=0",
            ) from error

    def __call__(self, captions: Sequence[str], references: Sequence[str]) -> Floats:
        """The F1 of each caption, `[N]`, 0 to 1."""
        _, each, *_ = self._scorer(refs=list(references), hyps=list(captions))
        return np.asarray(each, dtype=np.float64)


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
