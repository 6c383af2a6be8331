"""Precision, recall and F1 of asserted findings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Booleans = npt.NDArray[np.bool_]


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
