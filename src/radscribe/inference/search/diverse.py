"""Diverse beam search: groups of beams, each of which avoids what those before it say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radscribe.errors import UsageError
from radscribe.inference.search.beam import Beams
from radscribe.inference.search.hypothesis import Hypothesis
from radscribe.inference.search.ranking import MEAN, Ranker, ranked
from radscribe.inference.search.step import Doubles, Integers
from radscribe.inference.search.strategy import Choice, Chooser


@dataclass(frozen=True, slots=True)
class DiverseBeam:
    """Vijayakumar et al., Diverse Beam Search for Improved Description of Complex Scenes, AAAI 2018.

    At each step the groups choose one after the other. A candidate of a group loses `strength` for every row
    of the groups before it that says the same token at this step (Hamming diversity, section 3.2). The loss
    counts in the choice alone: hypotheses keep, and are ranked by, the model's own log-probabilities.

    Parameters
    ----------
    width : hypotheses that are open at once, of all groups together.
    strength : nats; 0 lets every group find the same.

    Raises
    ------
    UsageError : groups that do not share the width evenly, or a negative strength.
    """

    width: int = 6
    groups: int = 3
    strength: float = 0.5
    rank: Ranker = MEAN

    def __post_init__(self) -> None:
        if self.width < 1 or self.groups < 1 or self.width % self.groups:
            raise UsageError(
                f"{self.groups} groups of a beam of {self.width}", remedy="take a beam that they share evenly"
            )
        if not 0 <= self.strength < float("inf"):
            raise UsageError(f"a diversity of {self.strength}", remedy="take 0 or more; 0.5 is common")

    def begin(self, studies: int, longest: int) -> Chooser:
        width = self.width // self.groups
        beams = [Beams(studies, width, longest, self.rank) for _ in range(self.groups)]
        return _Groups(beams, width, self.strength)

    def select(self, finished: Sequence[Hypothesis]) -> list[Hypothesis]:
        # Two groups may come to the same caption.
        return list({h.tokens: h for h in reversed(ranked(finished, self.rank))}.values())[::-1][: self.width]


class _Groups:
    """The groups of N studies: rows are those of one group after the other, study by study."""

    def __init__(self, groups: list[Beams], width: int, strength: float) -> None:
        self._groups, self._width, self._strength = groups, width, strength
        self._first = True  # all groups start from the one row of a study

    def choose(self, scores: Doubles, eos: int) -> Choice:
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
