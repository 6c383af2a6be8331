"""Calibration of probabilities: reliability, expected calibration error, and cross-fitting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radscribe.data.splits import unit_hash
from radscribe.evaluation.metrics.base import Floats

BINS = 10
Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Predicted probability and observed frequency, by bin.

    Parameters
    ----------
    predicted : ndarray
        Mean probability of each bin that is not empty.
    observed : ndarray
        Share of positives in these bins.
    count : ndarray
        Number of predictions in these bins.
    error : float
        Expected calibration error (Naeini et al., AAAI 2015), or NaN if nothing is known.
    """

    predicted: Floats
    observed: Floats
    count: Floats
    error: float


def reliability(predicted: Floats, true: Floats, bins: int = BINS) -> Reliability:
    """Compare probabilities with outcomes in bins of equal width.

    Parameters
    ----------
    predicted : ndarray
        Probabilities, of any shape. NaN is left out.
    true : ndarray
        Outcomes of the same shape: 1, 0, or NaN if unknown.
    bins : int
        Number of bins (default: 10).
    """
    known = ~(np.isnan(true) | np.isnan(predicted))
    p = np.asarray(predicted, dtype=np.float64)[known]
    t = np.asarray(true, dtype=np.float64)[known]
    place = np.clip((p * bins).astype(np.int64), 0, bins - 1)
    count = np.bincount(place, minlength=bins).astype(np.float64)
    filled = count > 0
    mean = np.bincount(place, p, bins)[filled] / count[filled]
    observed = np.bincount(place, t, bins)[filled] / count[filled]
    gap = np.abs(mean - observed) * count[filled]
    error = float(gap.sum() / count.sum()) if len(p) else float("nan")
    return Reliability(mean, observed, count[filled], error)


def expected_calibration_error(predicted: Floats, true: Floats, bins: int = BINS) -> float:
    """Return the mean gap between probability and frequency over bins of equal width.

    Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015. The arguments
    are those of `reliability`.

    Examples
    --------
    >>> expected_calibration_error(np.array([0.25, 0.25, 0.25, 0.25]), np.array([1.0, 0.0, 0.0, 0.0]))
    0.0
    """
    return reliability(predicted, true, bins).error


def cross_fitted(
    predict: Callable[[Rows, Rows], Floats], groups: Sequence[str], folds: int = 5, seed: int = 0
) -> Floats:
    """Predict each row with a model that was fitted without its group.

    The calibration error of such probabilities is unbiased. Measured on the rows of the fit, it is too small.

    Parameters
    ----------
    predict : callable
        Takes the rows to fit on and the rows to predict, both boolean `[N]`, and returns predictions of the
        latter, in order.
    groups : sequence of str
        The group of each row, usually the patient. A group lies in one fold.
    folds : int
        Number of folds (default: 5).
    seed : int
        Seed of the assignment of groups to folds (default: 0).

    Returns
    -------
    ndarray
        Predictions of all rows, `[N, ...]`.
    """
    order = sorted(set(groups), key=lambda group: unit_hash(group, seed))
    fold_of = {group: place % folds for place, group in enumerate(order)}
    fold = np.array([fold_of[group] for group in groups])
    out: Floats | None = None
    for held_out in range(folds):
        inside = fold == held_out
        if not inside.any():
            continue
        part = np.asarray(predict(~inside, inside))
        if out is None:
            out = np.empty((len(fold), *part.shape[1:]), dtype=part.dtype)
        out[inside] = part
    if out is None:
        raise ValueError("there are no rows to predict")
    return out
