"""Fits `Caption.confidence` and `Caption.normality` on captions of validation studies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radscribe.bundle.format import ConfidenceSpec
from radscribe.errors import DataError
from radscribe.evaluation.calibration import reliability
from radscribe.evaluation.findings.agreement import Booleans
from radscribe.evaluation.findings.ranking import auroc
from radscribe.evaluation.metrics.base import Floats
from radscribe.export.captioned_part import CaptionedPart
from radscribe.export.logistic import cross_fit, fit, log_loss
from radscribe.inference.confidence import FEATURES

FEWEST = 10  # captions that are right, and that are wrong
ROUNDS = 10  # of cross-fitting, each with other folds
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
    """`[N]`: 1 where a caption is right (see `inference.confidence`), 0 where not, NaN where not known.

    Parameters
    ----------
    said, true : `[N, F]`; a finding of which no study of the set knows anything does not count as there.
    """
    speaks = np.asarray(said.any(1))
    wrong = np.where(speaks, (said & (true == 0)).any(1), (true == 1).any(1))
    not_known = np.isnan(true)
    looked_at: Booleans = np.where(speaks[:, None], said, ~not_known.all(0, keepdims=True))
    unknown = (looked_at & not_known).any(1)
    return np.where(wrong, 0.0, np.where(unknown, np.nan, 1.0))


def features(part: CaptionedPart, names: Sequence[str]) -> Floats:
    """Features of each caption, `[N, K]`."""
    return np.array([[FEATURES[name](caption) for name in names] for caption in part.captions])


def cross_fitted(part: CaptionedPart, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Probabilities `[ROUNDS, n]` by cross-fitting, and whether each caption is right `[n]`, where known."""
    y = right(part.said, part.true)
    known = ~np.isnan(y)
    x, groups = features(part, names)[known], [g for g, k in zip(part.groups, known, strict=True) if k]
    return np.stack([cross_fit(x, y[known], groups, seed) for seed in range(1, ROUNDS + 1)]), y[known]


def fit_confidence(part: CaptionedPart) -> ConfidenceSpec:
    """The calibration of a bundle by captions of a part that it was not trained on.

    Raises
    ------
    DataError : fewer than `FEWEST` captions are right, or wrong.
    """
    y = right(part.said, part.true)
    known = ~np.isnan(y)
    count = int(y[known].sum())
    if min(count, known.sum() - count) < FEWEST:
        raise DataError(
            f"{count} of {known.sum()} captions of the {part.name} part are right: no two kinds to tell",
            subject=part.source,
            remedy=f"give data where at least {FEWEST} are right and {FEWEST} are wrong",
        )
    losses = {
        names: np.mean([log_loss(p, y[known]) for p in cross_fitted(part, names)[0]]) for names in CANDIDATES
    }
    names = min(CANDIDATES, key=lambda candidate: losses[candidate])
    weights, bias = fit(features(part, names)[known], y[known])
    p, outcome = cross_fitted(part, names)
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
