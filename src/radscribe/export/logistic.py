"""Logistic regression of a few features, and its probabilities by cross-fitting over groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radscribe.evaluation.calibration import Rows, cross_fitted
from radscribe.evaluation.metrics.base import Floats
from radscribe.runtime.numeric import sigmoid

STRENGTH = 1.0  # of the pull of weights, of features with unit deviation, towards 0
FOLDS = 5
STEPS = 100


def fit(x: Floats, y: Floats) -> tuple[Floats, float]:
    """Weights `[K]` and bias of features `[N, K]` for outcomes `[N]` of 0 and 1, by Newton's method."""
    mean, deviation = x.mean(0), x.std(0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    z = np.column_stack([(x - mean) / deviation, np.ones(len(x))])
    pull = np.diag([*[STRENGTH] * x.shape[1], 1e-6])
    w = np.zeros(z.shape[1])
    for _ in range(STEPS):
        p = sigmoid(z @ w)
        step = np.linalg.solve((z.T * (p * (1 - p))) @ z + pull, z.T @ (p - y) + pull @ w)
        w -= step
        if np.abs(step).max() < 1e-10:
            break
    weights = w[:-1] / deviation
    return weights, float(w[-1] - weights @ mean)


def cross_fit(x: Floats, y: Floats, groups: Sequence[str], seed: int = 0) -> Floats:
    """Probabilities `[N]`, each by a regression on the other folds; a group (patient) is in one fold."""

    def predict(rows: Rows, held_out: Rows) -> Floats:
        weights, bias = fit(x[rows], y[rows])
        return np.asarray(sigmoid(x[held_out] @ weights + bias), dtype=np.float64)

    return cross_fitted(predict, groups, FOLDS, seed)


def log_loss(p: Floats, y: Floats) -> float:
    """Mean negative log-likelihood of outcomes."""
    return float(-np.log(np.where(y > 0, p, 1 - p)).mean())
