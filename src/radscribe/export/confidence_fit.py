"""Fits `Caption.confidence` and `Caption.normality` on captions of validation studies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radscribe.bundle.format import ConfidenceSpec
from radscribe.errors import DataError
from radscribe.evaluation import calibration
from radscribe.evaluation.calibration import Rows, reliability
from radscribe.evaluation.findings.binary_scores import Booleans, auroc
from radscribe.evaluation.metrics.base import Floats
from radscribe.export.captioned_part import CaptionedPart
from radscribe.inference.confidence import FEATURES
from radscribe.runtime.numeric import sigmoid

FEWEST = 10  # captions that are right, and that are wrong
ROUNDS = 10  # of cross-fitting, each with other folds
FOLDS = 5
STRENGTH = 1.0  # of the pull of weights towards 0, for features with unit deviation
STEPS = 100  # of Newton's method at most
# The least cross-fitted loss chooses: by the decoder's words, by the encoder's probabilities, or by both.
CANDIDATES: tuple[tuple[str, ...], ...] = (
    ("mean_log_probability",),
    ("mean_log_probability", "least_log_probability", "length"),
    ("agreement",),
    ("agreement", "normality"),
    ("agreement", "mean_log_probability"),
    ("agreement", "normality", "mean_log_probability", "least_log_probability", "length"),
)


def right(said: Booleans, true: Floats) -> Floats:
    """Whether each caption's assertions are right; one that asserts nothing is right if nothing is there.

    Parameters
    ----------
    said : ndarray of bool, shape (N, F)
        What each caption asserts.
    true : ndarray, shape (N, F)
        1 if the finding is there, 0 if not, NaN if not known. A finding of which no study of the set knows
        anything does not count as there.

    Returns
    -------
    ndarray, shape (N,)
        1 where the caption is right, 0 where it is wrong, NaN where that is not known.
    """
    speaks = np.asarray(said.any(1))
    wrong = np.where(speaks, (said & (true == 0)).any(1), (true == 1).any(1))
    not_known = np.isnan(true)
    looked_at: Booleans = np.where(speaks[:, None], said, ~not_known.all(0, keepdims=True))
    unknown = (looked_at & not_known).any(1)
    return np.where(wrong, 0.0, np.where(unknown, np.nan, 1.0))


def outcomes(part: CaptionedPart, normality: bool) -> Floats:
    """Target for each caption: whether it is right (NaN if it asserts nothing), or normality."""
    if normality:
        return right(np.zeros_like(part.said), part.true)
    return np.where(part.said.any(1), right(part.said, part.true), np.nan)


def features(part: CaptionedPart, names: Sequence[str]) -> Floats:
    """Features of each caption, shape (N, K)."""
    return np.array([[FEATURES[name](caption) for name in names] for caption in part.captions])


def cross_fitted(part: CaptionedPart, names: Sequence[str], y: Floats | None = None) -> tuple[Floats, Floats]:
    """Probabilities by cross-fitting, shape (`ROUNDS`, n), and outcomes of the n captions that have one."""
    y = right(part.said, part.true) if y is None else y
    known = ~np.isnan(y)
    x, groups = features(part, names)[known], [g for g, k in zip(part.groups, known, strict=True) if k]
    return np.stack([cross_fit(x, y[known], groups, seed) for seed in range(1, ROUNDS + 1)]), y[known]


def fit_confidence(part: CaptionedPart) -> ConfidenceSpec:
    """Fit the probability that what a caption asserts is there, on the captions that assert something.

    Raises
    ------
    DataError
        If fewer than `FEWEST` of these captions are right, or wrong.
    """
    return _fit(part, outcomes(part, normality=False), CANDIDATES, "right")


def fit_normality(part: CaptionedPart) -> ConfidenceSpec:
    """Fit the probability that no finding is there, on all captions.

    Raises
    ------
    DataError
        If fewer than `FEWEST` studies are without a finding, or with one.
    """
    return _fit(part, outcomes(part, normality=True), (("normality",),), "of normal studies")


def _fit(part: CaptionedPart, y: Floats, candidates: Sequence[tuple[str, ...]], what: str) -> ConfidenceSpec:
    known = ~np.isnan(y)
    count = int(y[known].sum())
    if min(count, known.sum() - count) < FEWEST:
        raise DataError(
            f"{count} of {known.sum()} captions of the {part.name} part are {what}; too few to compare",
            subject=part.source,
            remedy=f"give data with at least {FEWEST} of each kind",
        )
    losses = {
        names: np.mean([log_loss(p, y[known]) for p in cross_fitted(part, names, y)[0]])
        for names in candidates
    }
    names = min(candidates, key=lambda candidate: losses[candidate])
    weights, bias = fit(features(part, names)[known], y[known])
    p, outcome = cross_fitted(part, names, y)
    return ConfidenceSpec(
        features=names,
        weights=tuple(float(w) for w in weights),
        bias=bias,
        data=part.source,
        part=part.name,
        studies=int(known.sum()),
        right=count,
        auroc=float(np.mean([auroc(one, outcome) for one in p])),
        calibration_error=float(np.mean([reliability(one, outcome).error for one in p])),
    )


def fit(x: Floats, y: Floats) -> tuple[Floats, float]:
    """Fit weights `[K]` and bias of features `[N, K]` to outcomes `[N]` of 0 and 1, by Newton's method."""
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

    return calibration.cross_fitted(predict, groups, FOLDS, seed)


def log_loss(p: Floats, y: Floats) -> float:
    """Mean negative log-likelihood of outcomes."""
    return float(-np.log(np.where(y > 0, p, 1 - p)).mean())
