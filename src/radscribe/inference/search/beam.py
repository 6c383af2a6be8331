"""Beam search: the likeliest hypotheses of each study go on together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radscribe.errors import UsageError
from radscribe.inference.search.greedy import Greedy
from radscribe.inference.search.hypothesis import Hypothesis
from radscribe.inference.search.largest import largest
from radscribe.inference.search.ranking import MEAN, Ranker, ranked
from radscribe.inference.search.step import Doubles, Integers
from radscribe.inference.search.strategy import Choice, Chooser


@dataclass(frozen=True, slots=True)
class Beam:
    """Beam search (Lowerre, 1976; for captions, Vinyals et al., CVPR 2015, section 3.1).

    Parameters
    ----------
    width : hypotheses of a study that are open at once; one is greedy search.
    rank : by what the finished ones are ranked.

    Raises
    ------
    UsageError : a width below 1.
    """

    width: int = 3
    rank: Ranker = MEAN

    def __post_init__(self) -> None:
        if self.width < 1:
            raise UsageError(f"a beam of {self.width}", remedy="take 1 or more")

    def begin(self, studies: int, longest: int) -> Chooser:
        if self.width == 1:
            return Greedy().begin(studies, longest)
        return Beams(studies, self.width, longest, self.rank)

    def select(self, finished: Sequence[Hypothesis]) -> list[Hypothesis]:
        return ranked(finished, self.rank)[: self.width]


class Beams:
    """The beams of N studies, B rows each, but for the first step, where a study has one row."""

    def __init__(self, studies: int, width: int, longest: int, rank: Ranker) -> None:
        self._width, self._longest, self._rank = width, longest, rank
        self._length = 0  # tokens said, `<eos>` among them where a row ends
        self._scores = np.zeros((studies, 1))  # [N, B] log-probabilities; minus infinity: an unused row
        self._finished = np.full((studies, width), -np.inf)  # [N, B] ranks of the best, by falling rank
        self._study = np.arange(studies)[:, None]  # [N, 1]

    def choose(self, scores: Doubles, eos: int) -> Choice:
        n, rows = self._scores.shape
        parents, tokens, ended = self.advance(scores.reshape(n, rows, -1), eos)
        parents += self._study * rows
        going = self.going()
        if not going.all():
            self.keep(going)
            parents, tokens = parents[going], tokens[going]
        return Choice(ended[:, 0] * rows + ended[:, 1], parents.ravel(), tokens.ravel())

    def advance(
        self, scores: Doubles, eos: int, penalty: Doubles | None = None
    ) -> tuple[Integers, Integers, Integers]:
        """Go one token on.

        Parameters
        ----------
        scores : `[N, rows, V]` of the next tokens.
        penalty : `[N, V]` that candidates are picked with, and not ranked by.

        Returns
        -------
        parents and tokens of the new rows, `[N, B]` each, and `[E, 2]` the study and row of those that end.
        """
        n, _, vocabulary = scores.shape
        self._length += 1
        candidates = (scores + self._scores[:, :, None]).reshape(n, -1)
        # Twice the beam: at most `width` of them end, so `width` are left to go on.
        if penalty is None:
            values, places = largest(candidates, 2 * self._width)  # [N, 2 B]
        else:
            handicapped = candidates.reshape(scores.shape) - penalty[:, None]
            values, places = largest(handicapped.reshape(n, -1), 2 * self._width)
            values = np.where(values > -np.inf, candidates[self._study, places], -np.inf)
        parents = places // vocabulary
        tokens = places - parents * vocabulary
        ends = (tokens == eos) & (values > -np.inf)
        ended = self._end(parents, values, ends[:, : self._width])
        values[ends] = -np.inf
        # The first that go on, in their order; unused rows behind them.
        on = (values == -np.inf).argsort(axis=1, kind="stable")[:, : self._width]
        self._scores = values[self._study, on]
        return parents[self._study, on], tokens[self._study, on], ended

    def _end(self, parents: Integers, values: Doubles, ends: npt.NDArray[np.bool_]) -> Integers:
        """Which of the rows that end come among the best so far; an end counts only among the beam's best."""
        ended: list[tuple[int, int]] = []
        for study, place in zip(*ends.nonzero(), strict=True):
            rank, best = self._rank(values[study, place], self._length), self._finished[study]
            if rank > best[-1]:
                best[-1] = rank
                best[::-1].sort()
                ended.append((study, parents[study, place]))
        return np.array(ended, dtype=np.int64).reshape(-1, 2)

    @property
    def open(self) -> npt.NDArray[np.bool_]:
        """`[N, B]`: which rows hold a hypothesis."""
        return self._scores > -np.inf

    def going(self) -> npt.NDArray[np.bool_]:
        """`[N]`: whether an open row can still come among the best finished ones.

        A row's log-probability can only fall. Its rank is at best what it has now, spread over the longest
        caption; for rankers that do not favour length that is its present rank.
        """
        hope = self._scores.max(axis=1)
        best = np.maximum(self._rank(hope, self._longest), self._rank(hope, self._length + 1))
        return np.asarray(best > self._finished[:, -1])

    def close(self, studies: npt.NDArray[np.bool_]) -> None:
        """Let no row of these studies go on."""
        self._scores[studies] = -np.inf

    def keep(self, studies: npt.NDArray[np.bool_]) -> None:
        """Go on with these studies alone."""
        self._scores, self._finished = self._scores[studies], self._finished[studies]
        self._study = np.arange(len(self._scores))[:, None]
