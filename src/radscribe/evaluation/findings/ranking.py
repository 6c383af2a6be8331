"""Area under the ROC curve, by ranks (Mann & Whitney, 1947)."""

from __future__ import annotations

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
