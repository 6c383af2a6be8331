"""Scores of yes-or-no answers: agreement, ranking, and the risk if unsure answers are withheld.

Every figure of a ranking takes weights, so that a thousand bootstrap resamples cost a few matrix operations.
Studies with equal scores are one step of the curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]
DENIABLE = 0.4  # prevalence below a denial point, as a share of that among all
FEWEST = 8  # positive studies of a collection that can set a denial point


@dataclass(frozen=True, slots=True)
class Agreement:
    """Scores over all pairs of study and finding; a ratio over nothing is 0."""

    precision: float
    recall: float
    f1: float


def agreement(asserted: Booleans, true: Booleans) -> Agreement:
    """Return the micro-averaged agreement of assertions with the truth, `[N, F]` or `[N]` each."""
    hits = float((asserted & true).sum())
    precision = hits / max(float(asserted.sum()), 1.0)
    recall = hits / max(float(true.sum()), 1.0)
    f1 = 2 * hits / max(float(asserted.sum() + true.sum()), 1.0)
    return Agreement(precision, recall, f1)


def macro_f1(asserted: Booleans, true: Booleans) -> float:
    """Return the mean F1 over findings, `[N, F]` each; one that is neither asserted nor there counts 0."""
    return float(np.mean([agreement(asserted[:, f], true[:, f]).f1 for f in range(true.shape[1])]))


@dataclass(frozen=True, slots=False, eq=False)
class Ranking:
    """One finding's scores beside the truth, sorted.

    Parameters
    ----------
    scores : ndarray
        `[N]`. NaN is left out.
    labels : ndarray
        `[N]`: 1, 0, or NaN if unknown.
    weights : ndarray, optional
        `[B, N]`: how often each study counts in each of B samples (default: one sample, each study once).
    """

    scores: Floats
    labels: Floats
    weights: Doubles | None = None

    @cached_property
    def _order(self) -> tuple[npt.NDArray[np.int64], Doubles, npt.NDArray[np.bool_]]:
        """Known studies by falling score, their labels, and where a group of equal scores ends."""
        known = np.flatnonzero(~(np.isnan(self.labels) | np.isnan(self.scores)))
        order = known[np.argsort(-self.scores[known], kind="stable")]
        scores = self.scores[order]
        last = np.append(np.diff(scores) != 0, True) if len(order) else np.zeros(0, dtype=bool)
        return order, (self.labels[order] > 0.5).astype(np.float64), last

    @cached_property
    def _counts(self) -> tuple[Doubles, Doubles]:
        """Positives and negatives at or above each threshold, `[B, K]` each."""
        order, positive, last = self._order
        weights = np.ones((1, len(order))) if self.weights is None else self.weights[:, order]
        above = np.cumsum(weights * positive, axis=1)[:, last]
        return above, np.cumsum(weights * (1 - positive), axis=1)[:, last]

    @property
    def n(self) -> int:
        """Number of studies with a score and a label."""
        return len(self._order[0])

    @property
    def positives(self) -> int:
        """Number of these that are positive."""
        return int(self._order[1].sum())

    @property
    def thresholds(self) -> Doubles:
        """Distinct scores, highest first, `[K]`."""
        order, _, last = self._order
        return np.asarray(self.scores[order][last], dtype=np.float64)

    def curve(self) -> tuple[Doubles, Doubles]:
        """Return false and true positive rates from (0, 0) to (1, 1), `[K + 1]` each, of the first sample."""
        hits, alarms = (counts[0] for counts in self._counts)
        return (
            np.append(0.0, alarms / max(alarms[-1], 1)),
            np.append(0.0, hits / max(hits[-1], 1)),
        )

    def auroc(self) -> Doubles:
        """Area under the ROC curve of each sample, `[B]`; NaN without positives or without negatives."""
        hits, alarms = self._counts
        if not hits.shape[1]:
            return np.full(len(hits), np.nan)
        before = np.concatenate([np.zeros((len(hits), 1)), hits[:, :-1]], axis=1)
        step = np.diff(alarms, axis=1, prepend=0.0)
        area = (step * (before + hits) / 2).sum(1)
        return _ratio(area, hits[:, -1] * alarms[:, -1])

    def average_precision(self) -> Doubles:
        """Precision averaged over the steps of recall, `[B]`; NaN without positives."""
        hits, alarms = self._counts
        if not hits.shape[1]:
            return np.full(len(hits), np.nan)
        total = hits + alarms
        precision = np.divide(hits, total, out=np.zeros_like(hits), where=total > 0)
        gained = np.diff(hits, axis=1, prepend=0.0)
        return _ratio((gained * precision).sum(1), hits[:, -1])

    def sensitivity_at(self, specificity: float) -> tuple[Doubles, Doubles]:
        """Return the highest sensitivity with at least this specificity, and the threshold that gives it.

        Parameters
        ----------
        specificity : float
            Between 0 and 1.

        Returns
        -------
        sensitivity, threshold : ndarray
            `[B]` each; NaN without positives or without negatives. A study counts as positive if its score is
            at least the threshold. The threshold is infinite if no score reaches the specificity.
        """
        hits, alarms = self._counts
        if not hits.shape[1]:
            return np.full(len(hits), np.nan), np.full(len(hits), np.nan)
        allowed = alarms <= (1 - specificity) * alarms[:, -1:] + 1e-9
        steps = allowed.sum(1)  # thresholds fall and alarms rise: the allowed ones come first
        rows = np.arange(len(hits))
        last = np.maximum(steps - 1, 0)
        found = np.where(steps > 0, hits[rows, last], 0.0)
        threshold = np.where(steps > 0, self.thresholds[last], np.inf)
        defined = (hits[:, -1] > 0) & (alarms[:, -1] > 0)
        return np.where(defined, _ratio(found, hits[:, -1]), np.nan), np.where(defined, threshold, np.nan)


def auroc(scores: Floats, labels: Floats) -> float:
    """Return the area under the ROC curve (Mann & Whitney, 1947).

    Parameters
    ----------
    scores, labels : ndarray
        `[N]` each; labels are 1, 0, or NaN if unknown. Ties count half.

    Returns
    -------
    float
        NaN if there are no positives or no negatives.

    Examples
    --------
    >>> auroc(np.array([0.9, 0.4, 0.6, 0.1]), np.array([1.0, 1.0, 0.0, 0.0]))
    0.75
    """
    return float(Ranking(scores, labels).auroc()[0])


def _ratio(above: Doubles, below: Doubles) -> Doubles:
    out: Doubles = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below != 0)
    return out


def denial_point(probabilities: Floats, true: Floats, kinds: npt.NDArray[Any] | None = None) -> float:
    """Return the largest probability below which a finding is rare enough to be denied; 0 if there is none.

    Below it, the finding is at most `DENIABLE` times as common as among all studies.

    Parameters
    ----------
    probabilities, true : ndarray, shape (N,)
        Of each study: the probability of the finding, and whether it is there, 1 or 0.
    kinds : ndarray, shape (N,), optional
        What sets collections apart in which a finding is not equally common. The point then holds for every
        collection in which at least `FEWEST` studies have the finding, and for all studies together.
    """
    if not len(true) or not true.any():
        return 0.0
    order = np.argsort(probabilities, kind="stable")
    share = np.cumsum(true[order]) / np.arange(1, len(true) + 1)
    rare = np.flatnonzero(share <= DENIABLE * true.mean())
    if not len(rare):
        return 0.0
    ranked, last = probabilities[order], int(rare[-1])
    point = float(ranked[last + 1] if last + 1 < len(ranked) else np.nextafter(ranked[last], 1.0))
    parts = [kinds == kind for kind in np.unique(kinds)] if kinds is not None else []
    apart = [denial_point(probabilities[part], true[part]) for part in parts if true[part].sum() >= FEWEST]
    return min([point, *apart])


def risks(confidence: Doubles, right: Doubles) -> Doubles:
    """Return the risk if the 1, 2, … N most confident captions are kept, `[N]`.

    The risk is the share of wrong captions among those that are kept (selective prediction).
    El-Yaniv & Wiener, On the Foundations of Noise-free Selective Classification, JMLR 2010.

    For captions of equal confidence, this is the expected risk over their orders.

    Parameters
    ----------
    confidence : ndarray
        Confidence of each caption, `[N]`.
    right : ndarray
        1 if the caption is right, else 0, `[N]`.

    Examples
    --------
    >>> risks(np.array([0.9, 0.2, 0.5]), np.array([1.0, 0.0, 1.0])).round(2).tolist()
    [0.0, 0.0, 0.33]
    """
    order = np.argsort(-confidence, kind="stable")
    _, tie = np.unique(confidence, return_inverse=True)
    wrong = 1 - (np.bincount(tie, right) / np.bincount(tie))[tie]
    out: Doubles = np.cumsum(wrong[order]) / np.arange(1, len(right) + 1)
    return out


def aurc(confidence: Doubles, right: Doubles) -> float:
    """Return the area under the risk-coverage curve, the mean of `risks`; smaller is better.

    A random order gives the share of wrong captions, a perfect order gives `aurc(right, right)`.
    """
    return float(risks(confidence, right).mean())
