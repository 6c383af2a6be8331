"""Area under the ROC curve by ranks, and its interval by a bootstrap over patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


def auroc(scores: Floats, labels: Floats) -> float:
    """Mann-Whitney's U over its largest value; ties count half; NaN when a class is missing.

    Parameters
    ----------
    scores, labels : `[N]`; labels are 0 or 1, NaN where unknown.
    """
    known = ~np.isnan(labels)
    scores, positive = scores[known], labels[known] > 0.5
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # average rank of tied scores, from 1
    u = ranks[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(u / (n_positive * n_negative))


def bootstrap_by_group(
    scores: Floats, labels: Floats, groups: Sequence[str], rounds: int = 1000, seed: int = 0
) -> npt.NDArray[np.float64]:
    """AUROC of `rounds` resamples of whole groups (patients), with replacement.

    Parameters
    ----------
    scores, labels : `[N, F]`.

    Returns
    -------
    `[rounds, F]`, NaN where a resample lacks a class.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(index == g) for g in range(len(names))]
    generator = np.random.default_rng(seed)
    out = np.empty((rounds, labels.shape[1]))
    for r in range(rounds):
        rows = np.concatenate([members[g] for g in generator.integers(0, len(names), len(names))])
        out[r] = [auroc(scores[rows, f], labels[rows, f]) for f in range(labels.shape[1])]
    return out
