"""The parts of a search: the decoder's step, hypotheses, rankers, and what every strategy provides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from radscribe.errors import UsageError

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
State = tuple[npt.NDArray[Any], ...]  # each [R, ...]: a row is one hypothesis of one study
Stepped = tuple[Floats, State, Floats | None]


class StepFunction(Protocol):
    """A decoder's step: tokens `[R]`, the state, and what of it stays the same for a study
    → log-probabilities `[R, V]`, the next state, and attention `[R, L]`, if there is any.

    Each row is computed on its own, so a study gets the same result alone and in any batch. A step may write
    into the state that it is given.
    """

    def __call__(self, token: Integers, state: State, fixed: State) -> Stepped: ...


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished caption: its tokens without `<bos>` and `<eos>`, and each one's log-probability.

    The log-probabilities are the model's own, unchanged by the strategy. There is one more than
    there are tokens: that of the end. `attention` `[tokens, L]` says where each token looked.
    """

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    attention: Floats | None = field(default=None, compare=False)

    @property
    def log_probability(self) -> float:
        """Of the whole caption, its end included."""
        return float(np.sum(self.log_probabilities))


class Ranker(Protocol):
    """A figure that grows with the log-probability; it may favour long captions, or not.

    Parameters
    ----------
    log_probability
        Of whole hypotheses, any shape.
    length
        Their tokens, the end included.
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
    UsageError
        A negative alpha, which would reward a caption for ending early.
    """

    alpha: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise UsageError(f"a length penalty of {self.alpha}", remedy="use 0 or more; 0.6 is common")

    def __call__(self, log_probability: npt.NDArray[Any] | float, length: int) -> Doubles:
        penalty: float = ((5 + length) / 6) ** self.alpha
        return np.asarray(log_probability, dtype=np.float64) / penalty


def ranked(hypotheses: Iterable[Hypothesis], rank: Ranker) -> list[Hypothesis]:
    """By falling rank; of equal ones the one that was found first."""
    return sorted(hypotheses, key=lambda h: -float(rank(h.log_probability, len(h.log_probabilities))))


class Choice(NamedTuple):
    """One step of R rows: which of them end here, and which tokens the others, or their copies, say next."""

    ended: Integers  # [E] rows whose `<eos>` makes a caption; of one study the best first
    parents: Integers  # [R'] the row that each new row continues, in the order of the studies
    tokens: Integers  # [R'] what each new row says


class Chooser(Protocol):
    """Picks the next tokens for the studies of one batch, and keeps what it needs to remember."""

    def choose(self, scores: Floats, eos: int) -> Choice:
        """`scores` `[R, V]`: log-probabilities of the next token, minus infinity where it is forbidden;
        the chooser's own to change. At first there is one row per study; then the rows of the last choice."""


class Strategy(Protocol):
    """How to search."""

    @property
    def width(self) -> int:
        """Captions of a study at most."""

    def begin(self, studies: int, longest: int) -> Chooser:
        """Start on a batch; a caption has at most `longest` tokens, the end included."""

    def select(self, finished: Sequence[Hypothesis]) -> list[Hypothesis]:
        """A study's finished captions, best first."""
