"""How the share of wrong captions falls if the least confident ones are withheld (selective prediction).

El-Yaniv & Wiener, On the Foundations of Noise-free Selective Classification, JMLR 2010. *Coverage* is the
share of studies that keep their caption, *risk* the share of wrong ones among these.
"""

from __future__ import annotations

import numpy as np

from radscribe.evaluation.metrics.base import Floats


def risks(confidence: Floats, right: Floats) -> Floats:
    """Return the risk if the 1, 2, … N most confident captions are kept, `[N]`.

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
    out: Floats = np.cumsum(wrong[order]) / np.arange(1, len(right) + 1)
    return out


def aurc(confidence: Floats, right: Floats) -> float:
    """Return the area under the risk-coverage curve, the mean of `risks`; smaller is better.

    A random order gives the share of wrong captions, a perfect order gives `aurc(right, right)`.
    """
    return float(risks(confidence, right).mean())
