"""Who is better: rankers turn a hypothesis' log-probability and length into the figure it is ranked by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from radscribe.errors import UsageError
from radscribe.inference.search.hypothesis import Hypothesis
from radscribe.inference.search.step import Doubles


class Ranker(Protocol):
    """A figure that grows with the log-probability; it may favour long captions, or not.

    Parameters
    ----------
    log_probability : of whole hypotheses, any shape.
    length : their tokens, the end included.
    """

    def __call__(self, log_probability: npt.NDArray[Any] | float, length: int) -> Doubles: ...


@dataclass(frozen=True, slots=True)
class Total:
    """The log-probability itself: favours short captions."""

    def __call__(self, log_probability: npt.NDArray[Any] | float, length: int) -> Doubles:
        return np.asarray(log_probability, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Mean:
    """The log-probability a token."""

    def __call__(self, log_probability: npt.NDArray[Any] | float, length: int) -> Doubles:
        return np.asarray(log_probability, dtype=np.float64) / length


MEAN = Mean()  # what strategies rank by, unless told otherwise


@dataclass(frozen=True, slots=True)
class LengthPenalty:
    """Length penalty of Wu et al., Google's Neural Machine Translation System, 2016, equation 14.

    `alpha` 0 is the total; the paper found 0.6 to 0.7 best, on another task.

    Raises
    ------
    UsageError : a negative alpha, which would reward a caption for ending early.
    """

    alpha: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise UsageError(f"a length penalty of {self.alpha}", remedy="take 0 or more; 0.6 is common")

    def __call__(self, log_probability: npt.NDArray[Any] | float, length: int) -> Doubles:
        penalty: float = ((5 + length) / 6) ** self.alpha
        return np.asarray(log_probability, dtype=np.float64) / penalty


def ranked(hypotheses: Iterable[Hypothesis], rank: Ranker) -> list[Hypothesis]:
    """By falling rank; of equal ones the one that was found first."""
    return sorted(hypotheses, key=lambda h: -float(rank(h.log_probability, len(h.log_probabilities))))
