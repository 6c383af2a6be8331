"""Numerical functions that several rooms need."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Float = TypeVar("Float", bound=np.floating[Any])


def sigmoid(logits: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Return the probabilities of logits, without overflow, in the precision of the logits."""
    half = logits.dtype.type(0.5)
    return np.asarray(half * (1 + np.tanh(half * logits)))
