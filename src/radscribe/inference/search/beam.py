"""Greedy search, beam search and diverse beam search: the most likely hypotheses of each study go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radscribe.errors import UsageError
from radscribe.inference.search.strategy import (
    MEAN,
    Choice,
    Chooser,
    Doubles,
    Floats,
    Hypothesis,
    Integers,
    Ranker,
    ranked,
)

BLOCK = 32  # values that are looked at as one, by their largest


def largest(values: Doubles, count: int) -> tuple[Doubles, Integers]:
    """The `count` largest of each row `[N, K]`, the largest first, and their places, both `[N, count]`.

    Equal values are ordered by place. A row of fewer numbers is filled up with minus infinity at place 0.
    """
    n, size = values.shape
    if size < count:
        found, places = largest(np.pad(values, ((0, 0), (0, count - size)), constant_values=-np.inf), count)
        return found, np.where(places < size, places, 0)
    blocks = size // BLOCK
    if blocks > count:  # as many blocks have such a value, so nothing smaller is among the largest
        tops = values[:, : blocks * BLOCK].reshape(n, blocks, BLOCK).max(axis=2)
        tops.partition(blocks - count, axis=1)
        row, place = np.nonzero(values >= tops[:, blocks - count, None])
    else:
        row, place = np.divmod(np.arange(values.size), size)
    order = np.lexsort((-values[row, place], row))  # stable
    rank = np.arange(len(order)) - np.searchsorted(row, row)
    order = order[rank < count]
    places = place[order].reshape(n, count)
    return values[np.arange(n)[:, None], places], places


@dataclass(frozen=True, slots=True)
class Greedy:
    """One caption per study; of equally likely tokens, the one with the lowest id."""

    @property
    def width(self) -> int:
        return 1

    def begin(self, studies: int, longest: int) -> _Likeliest:
        return _Likeliest()

    def select(self, finished: Sequence[Hypothesis]) -> list[Hypothesis]:
        return list(finished)


class _Likeliest:
    """Rows are studies; one that ends leaves."""

    def choose(self, scores: Floats, eos: int) -> Choice:
        tokens = scores.argmax(axis=1)
        ends = tokens == eos
        going = np.flatnonzero(~ends)
        return Choice(np.flatnonzero(ends), going, tokens[going])


@dataclass(frozen=True, slots=True)
class Beam:
    """Beam search (Lowerre, 1976; for captions, Vinyals et al., CVPR 2015, section 3.1).

    Parameters
    ----------
    width : int
        Hypotheses per study that are open at once; one is greedy search.
    rank : Ranker
        How finished hypotheses are ranked.

    Raises
    ------
    UsageError
        A width below 1.
    """

    width: int = 3
    rank: Ranker = MEAN

    def __post_init__(self) -> None:
        if self.width < 1:
            raise UsageError(f"a beam of {self.width}", remedy="use 1 or more")

    def begin(self, studies: int, longest: int) -> Chooser:
        if self.width == 1:
            return Greedy().begin(studies, longest)
        return Beams(studies, self.width, self.rank)

    def select(self, finished: Sequence[Hypothesis]) -> list[Hypothesis]:
        return ranked(finished, self.rank)[: self.width]


class Beams:
    """The beams of N studies, B rows each, except at the first step, where a study has one row."""

    def __init__(self, studies: int, width: int, rank: Ranker) -> None:
        self._width, self._rank = width, rank
        self._length = 0  # tokens said, `<eos>` among them where a row ends
        self._scores = np.zeros((studies, 1))  # [N, B] log-probabilities; minus infinity: an unused row
        self._finished = np.full((studies, width), -np.inf)  # [N, B] ranks of the best, by falling rank
        self._study = np.arange(studies)[:, None]  # [N, 1]

    def choose(self, scores: Floats, eos: int) -> Choice:
        n, rows = self._scores.shape
        parents, tokens, ended = self.advance(scores.reshape(n, rows, -1), eos)
        parents += self._study * rows
        going = self.going()
        if not going.all():
            self.keep(going)
            parents, tokens = parents[going], tokens[going]
        return Choice(ended[:, 0] * rows + ended[:, 1], parents.ravel(), tokens.ravel())

    def advance(
        self, scores: Floats, eos: int, penalty: Doubles | None = None
    ) -> tuple[Integers, Integers, Integers]:
        """Go one token on.

        Parameters
        ----------
        scores : Floats
            `[N, rows, V]` of the next tokens.
        penalty : Doubles, optional
            `[N, V]` that candidates are picked with, and not ranked by.

        Returns
        -------
        tuple[Integers, Integers, Integers]
            Parents and tokens of the new rows, `[N, B]` each, and `[E, 2]` the study and row of those that
            end.
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
        """Choose the ended rows that are among the best so far. An end counts only within the beam."""
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
        """`[N]`: whether an open row would come among the best finished ones, did it end now for nothing.

        By the total, which can only fall, no caption is lost. A mean can rise as long as words follow that
        are surer than those before; such a caption is not waited for (nor is it by the `generate` of
        Hugging Face's transformers, by default).
        """
        return np.asarray(self._rank(self._scores.max(axis=1), self._length + 1) > self._finished[:, -1])

    def close(self, studies: npt.NDArray[np.bool_]) -> None:
        """Let no row of these studies go on."""
        self._scores[studies] = -np.inf

    def keep(self, studies: npt.NDArray[np.bool_]) -> None:
        """Continue with only these studies."""
        self._scores, self._finished = self._scores[studies], self._finished[studies]
        self._study = np.arange(len(self._scores))[:, None]


@dataclass(frozen=True, slots=True)
class DiverseBeam:
    """Vijayakumar et al., Diverse Beam Search for Improved Description of Complex Scenes, AAAI 2018.

    At each step the groups choose one after the other. A candidate of a group loses `strength` for every row
    of the groups before it that says the same token at this step (Hamming diversity, section 3.2). The loss
    counts only in the choice: hypotheses keep, and are ranked by, the model's own log-probabilities.

    Parameters
    ----------
    width : int
        Number of hypotheses that are open at once, over all groups.
    groups : int
        Number of groups. They share the width evenly.
    strength : float
        Penalty in nats; 0 lets every group find the same captions.
    rank : Ranker
        How finished hypotheses are ranked (default: by the mean log-probability per token).

    Raises
    ------
    UsageError
        Groups that do not share the width evenly, or a negative strength.
    """

    width: int = 6
    groups: int = 3
    strength: float = 0.5
    rank: Ranker = MEAN

    def __post_init__(self) -> None:
        if self.width < 1 or self.groups < 1 or self.width % self.groups:
            raise UsageError(
                f"{self.groups} groups of a beam of {self.width}", remedy="use a beam that they share evenly"
            )
        if not 0 <= self.strength < float("inf"):
            raise UsageError(f"a diversity of {self.strength}", remedy="use 0 or more; 0.5 is common")

    def begin(self, studies: int, longest: int) -> Chooser:
        width = self.width // self.groups
        beams = [Beams(studies, width, self.rank) for _ in range(self.groups)]
        return _Groups(beams, width, self.strength)

    def select(self, finished: Sequence[Hypothesis]) -> list[Hypothesis]:
        # Two groups may come to the same caption.
        return list({h.tokens: h for h in reversed(ranked(finished, self.rank))}.values())[::-1][: self.width]


class _Groups:
    """The groups of N studies: rows are those of one group after the other, study by study."""

    def __init__(self, groups: list[Beams], width: int, strength: float) -> None:
        self._groups, self._width, self._strength = groups, width, strength
        self._first = True  # all groups start from the one row of a study

    def choose(self, scores: Floats, eos: int) -> Choice:
        n = len(self._groups[0].open)
        by_study = scores.reshape(n, -1, scores.shape[1])  # [N, rows, V]
        rows = by_study.shape[1]
        said = np.zeros((n, scores.shape[1]))  # [N, V] how many rows so far say each token now
        parents: list[Integers] = []
        tokens: list[Integers] = []
        ended: list[Integers] = []
        for number, beams in enumerate(self._groups):
            start = 0 if self._first else number * self._width
            window = by_study[:, start : start + 1 if self._first else start + self._width]
            parent, token, end = beams.advance(window, eos, self._strength * said)  # [N, B], [N, B], [E, 2]
            study, row = np.nonzero(beams.open)
            np.add.at(said, (study, token[study, row]), 1)
            parents.append(parent + start + np.arange(n)[:, None] * rows)
            tokens.append(token)
            ended.append(end[:, 0] * rows + end[:, 1] + start)
        self._first = False
        going = np.stack([beams.going() for beams in self._groups])  # [G, N]
        left = np.logical_or.reduce(going)
        for beams, open_ in zip(self._groups, going, strict=True):
            beams.close(~open_)
            beams.keep(left)
        return Choice(
            np.concatenate(ended),
            np.concatenate(parents, axis=1)[left].ravel(),
            np.concatenate(tokens, axis=1)[left].ravel(),
        )
