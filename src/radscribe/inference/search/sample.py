"""Sampling: the next token is drawn, not chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radscribe.errors import UsageError
from radscribe.inference.search.strategy import (
    MEAN,
    Choice,
    Doubles,
    Floats,
    Hypothesis,
    Integers,
    Ranker,
    ranked,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Draw captions from the model.

    Temperature, `top_k` and `top_p` are applied in this order, to what the constraints leave. The
    log-probabilities of hypotheses stay the model's own.

    Sample `j` of a study is drawn with a generator that is seeded with only `seed` and `j`. So a study gets
    the same samples alone and in any batch, and the first of many is the one of one. It also means that all
    studies of one call are drawn with the same numbers: for draws that are independent of each other, take
    another seed for each study.

    Parameters
    ----------
    samples : int
        Number of captions per study. They may be equal; the best by `rank` comes first.
    temperature : float
        Above 1 flattens the distribution, below 1 sharpens it.
    top_k : int
        Draw from this many of the most probable tokens (Fan et al., ACL 2018); 0 means all.
    top_p : float
        Draw from the nucleus: the fewest tokens whose probabilities add up to this (Holtzman et al., ICLR
        2020); 1 means all.
    seed : int
        Seed of the draws.
    rank : Ranker
        How the samples are ranked (default: by the mean log-probability per token).

    Raises
    ------
    UsageError
        A number is out of range.
    """

    samples: int = 1
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    rank: Ranker = MEAN

    def __post_init__(self) -> None:
        wrong = {
            f"{self.samples} samples": self.samples < 1,
            f"a temperature of {self.temperature}": not 0 < self.temperature < float("inf"),
            f"a top-k of {self.top_k}": self.top_k < 0,
            f"a top-p of {self.top_p}": not 0 < self.top_p <= 1,
            f"a seed of {self.seed}": self.seed < 0,
        }
        if any(wrong.values()):
            raise UsageError(
                " and ".join(what for what, is_wrong in wrong.items() if is_wrong),
                remedy="use samples >= 1, temperature > 0, top-k >= 0, 0 < top-p <= 1, seed >= 0",
            )

    @property
    def width(self) -> int:
        return self.samples

    def begin(self, studies: int, longest: int) -> _Drawn:
        numbers = [np.random.default_rng((self.seed, j)).random(longest) for j in range(self.samples)]
        return _Drawn(self, studies, np.stack(numbers))

    def select(self, finished: Sequence[Hypothesis]) -> list[Hypothesis]:
        return ranked(finished, self.rank)


class _Drawn:
    """Rows are samples; one that ends leaves. `numbers` `[samples, T]`, uniform, decide token by token."""

    def __init__(self, sample: Sample, studies: int, numbers: Doubles) -> None:
        self._sample, self._numbers = sample, numbers
        self._rows = np.tile(np.arange(sample.samples), studies)  # [R] which sample of its study a row is
        self._length = 0

    def choose(self, scores: Floats, eos: int) -> Choice:
        rows = np.arange(len(self._rows))
        if self._length == 0:  # the samples of a study start from its one row
            rows //= self._sample.samples
            scores = scores[rows]
        tokens = draw(
            scores.astype(np.float64) / self._sample.temperature,
            self._numbers[self._rows, self._length],
            self._sample.top_k,
            self._sample.top_p,
        )
        ends = tokens == eos
        self._rows = self._rows[~ends]
        self._length += 1
        return Choice(rows[ends], rows[~ends], tokens[~ends])


def draw(scores: Doubles, numbers: Doubles, top_k: int = 0, top_p: float = 1.0) -> Integers:
    """Tokens `[R]` at the quantiles `numbers` `[R]` of softmax(`scores` `[R, V]`), cut to its top.

    Quantiles are in the order of the tokens. Of equally likely tokens the lower ones belong to the top.
    """
    probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))  # [R, V], not yet of sum 1
    if 0 < top_k < scores.shape[1] or top_p < 1:
        order = np.argsort(-probabilities, axis=1, kind="stable")  # [R, V] the likeliest first
        falling = np.take_along_axis(probabilities, order, axis=1)
        if top_k:
            falling[:, top_k:] = 0
        before = np.cumsum(falling, axis=1) - falling  # what is likelier than each token
        falling[before >= top_p * falling.sum(axis=1, keepdims=True)] = 0
        np.put_along_axis(probabilities, order, falling, axis=1)
    reached = np.cumsum(probabilities, axis=1)
    below = np.nextafter(reached[:, -1], 0)  # a number that rounds up to the whole is still within it
    place = np.minimum(numbers * reached[:, -1], below)
    return np.asarray((reached <= place[:, None]).sum(axis=1))
