"""How the share of wrong captions falls when the least confident are handed back (selective prediction).

El-Yaniv & Wiener, On the Foundations of Noise-free Selective Classification, JMLR 2010. *Coverage* is the
share of studies that keep their caption, *risk* the share of wrong ones among these.
"""

from __future__ import annotations

import numpy as np

from radscribe.evaluation.metrics.base import Floats


def risks(confidence: Floats, right: Floats) -> Floats:
    """Risk when the 1, 2, … N most confident captions are kept, `[N]`.

    Captions of equal confidence count alike: the expected risk over the orders of them.

    Parameters
    ----------
    confidence, right : numpy.ndarray
        `[N]`; right is 0 or 1.

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
    """Area under the risk-coverage curve: the mean of `risks`; smaller is better.

    Handing back at random has the share of wrong captions, and a perfect order `aurc(right, right)`.
    """
    return float(risks(confidence, right).mean())
