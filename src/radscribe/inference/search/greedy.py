"""Greedy search: the likeliest token, each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radscribe.inference.search.hypothesis import Hypothesis
from radscribe.inference.search.step import Doubles
from radscribe.inference.search.strategy import Choice


@dataclass(frozen=True, slots=True)
class Greedy:
    """One caption a study; of equally likely tokens the lower one."""

    @property
    def width(self) -> int:
        return 1

    def begin(self, studies: int, longest: int) -> _Likeliest:
        return _Likeliest()

    def select(self, finished: Sequence[Hypothesis]) -> list[Hypothesis]:
        return list(finished)


class _Likeliest:
    """Rows are studies; one that ends leaves."""

    def choose(self, scores: Doubles, eos: int) -> Choice:
        tokens = scores.argmax(axis=1)
        ends = tokens == eos
        going = np.flatnonzero(~ends)
        return Choice(np.flatnonzero(ends), going, tokens[going])
