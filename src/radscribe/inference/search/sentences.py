"""Search sentence by sentence, for captions that the search over tokens could not write without a mistake.

A wrong statement is usually clear only at the end of a sentence, when forbidding one more word leaves broken
English. So several whole sentences are written from the same beginning, and the likeliest that may be said
is taken. A sentence gets less likely with every word, so those that can no longer win are given up.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from radscribe.inference.constraints import Constraint
from radscribe.inference.search.strategy import (
    Doubles,
    Floats,
    Hypothesis,
    Integers,
    State,
    StepFunction,
)

OPENINGS = 16  # sentences that are written from one beginning
BRANCHING = 3  # tokens at the beginning of a sentence that the openings differ in
LEAST_WORD = -3.5  # log-probability of a sentence's second and later words; rarer ones break the grammar
LEAST = -7.0  # log-probability of a sentence below which the caption ends instead
ROUNDING = 1e-9  # of a sum of log-probabilities
Judge = Callable[[int, tuple[int, ...], tuple[int, ...]], float | None]


class _Sentence(NamedTuple):
    """A sentence that may be said next."""

    score: float
    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    looked: tuple[Floats, ...]
    state: State  # after it, without the axis of rows


@dataclass(slots=True)
class _Draft:
    """The complete sentences of a caption so far."""

    study: int
    tokens: tuple[int, ...] = ()
    log_probabilities: tuple[float, ...] = ()
    looked: tuple[Floats, ...] = ()

    def add(self, sentence: _Sentence) -> None:
        self.tokens += sentence.tokens
        self.log_probabilities += sentence.log_probabilities
        self.looked += sentence.looked

    def finished(self, end: float) -> Hypothesis:
        attention = np.stack(self.looked) if self.looked else None
        return Hypothesis(self.tokens, (*self.log_probabilities, end), attention)


def search_sentences(
    step: StepFunction,
    state: State,
    fixed: State = (),
    *,
    judge: Judge,
    ends: Collection[int],
    bos: int,
    eos: int,
    max_length: int,
    constraints: Sequence[Constraint] = (),
    passed_over: int = 0,
    most_allowance: float = math.inf,
) -> list[Hypothesis]:
    """Write one caption per study from sentences that may be said.

    Parameters
    ----------
    step : StepFunction
        The decoder's step.
    state, fixed : tuple of ndarray
        The decoder's first state, N rows, and the part that stays the same.
    judge : callable
        Takes the study's place, the tokens of the complete sentences and those of the next one, and returns
        None if it must not be said, or else how much less likely than usual it may be, in nats.
    ends : collection of int
        Tokens that end a sentence.
    bos, eos : int
        Tokens that begin and end a caption.
    max_length : int
        Maximum number of tokens of a caption.
    constraints : sequence of Constraint
        What else must not be said.
    passed_over : int
        Number of sentences that could begin the caption to pass over, for alternatives.
    most_allowance : float
        The largest value that `judge` returns. The smaller it is, the sooner a sentence is given up.

    Returns
    -------
    list of Hypothesis
        One per study. It has no tokens if no sentence may be said.
    """
    drafts = [_Draft(study) for study in range(len(state[0]))]
    done: dict[int, Hypothesis] = {}
    while drafts:
        following: list[_Draft] = []
        states: list[State] = []
        sentences = _Sentences(drafts, ends, bos, eos, max_length, passed_over, most_allowance)
        sentences.write(step, state, fixed, judge, constraints)
        for draft, end, sentence in zip(drafts, sentences.ended, sentences.chosen(), strict=True):
            if sentence is not None:
                draft.add(sentence)
            if sentence is None or len(draft.tokens) >= max_length - 1:
                done[draft.study] = draft.finished(end)
            else:
                following.append(draft)
                states.append(sentence.state)
        order = sorted(range(len(following)), key=lambda i: len(following[i].tokens))
        drafts = [following[i] for i in order]
        state = tuple(_stacked(parts) for parts in zip(*(states[i] for i in order), strict=True))
    return [done[study] for study in sorted(done)]


def _stacked(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Stack the rows of a state; caches of shorter captions get zeros at the end."""
    longest = tuple(max(lengths) for lengths in zip(*(part.shape for part in parts), strict=True))
    stacked = np.zeros((len(parts), *longest), parts[0].dtype)
    for row, part in enumerate(parts):
        filled: tuple[int | slice, ...] = (row, *(slice(length) for length in part.shape))
        stacked[filled] = part
    return stacked


class _Sentences:
    """The next sentence of each of N drafts, which are in the order of their lengths.

    A row is a sentence that is being written. Rows of one draft lie together, so rows of one length do, too.
    """

    def __init__(
        self,
        drafts: Sequence[_Draft],
        ends: Collection[int],
        bos: int,
        eos: int,
        max_length: int,
        passed_over: int,
        most_allowance: float,
    ) -> None:
        self._drafts, self._ends, self._eos, self._max_length = drafts, list(ends), eos, max_length
        self._most_allowance = most_allowance
        self._passed_over = [0 if draft.tokens else passed_over for draft in drafts]
        self._found: list[list[_Sentence]] = [[] for _ in drafts]  # the likeliest that may be said
        self._lengths = np.array([len(draft.tokens) for draft in drafts])  # [N]
        self._studies = np.array([draft.study for draft in drafts])  # [N]
        self._groups = np.unique(self._lengths, return_index=True)[1][1:]  # where a new length begins
        self._least = np.full(len(drafts), LEAST)  # [N] log-probability that a sentence needs
        self._draft = np.arange(len(drafts))  # [R] whose sentence a row is
        self._tokens = np.full((len(drafts), max_length + 1), bos)  # [R, 1 + T], `<bos>` before the others
        for row, draft in enumerate(drafts):
            self._tokens[row, 1 : 1 + len(draft.tokens)] = draft.tokens
        self._said = np.zeros((len(drafts), max_length))  # [R, T] log-probabilities of the sentence
        self._stood = np.zeros((len(drafts), max_length), np.int64)  # [R, T] which row of then was its own
        self._looked: list[Floats] = []  # attention [rows of then, L] of every step
        self.ended: list[float] = []  # [N] log-probability that the caption ends here

    def chosen(self) -> list[_Sentence | None]:
        """The sentence that each draft goes on with."""
        places = zip(self._found, self._passed_over, strict=True)
        return [found[place] if len(found) > place else None for found, place in places]

    def write(
        self, step: StepFunction, state: State, fixed: State, judge: Judge, constraints: Sequence[Constraint]
    ) -> None:
        """Write sentences until no other can be chosen."""
        for place in range(self._max_length):
            at = self._lengths[self._draft] + place  # [R] tokens of each row
            studies = self._studies[self._draft]
            token = self._tokens[np.arange(len(at)), at]
            still = tuple(part.take(studies, axis=0) for part in fixed)
            log_probabilities, state, attention = step(token, state, still)
            if attention is not None:
                self._looked.append(attention)
            scores = log_probabilities.copy()
            self._constrain(scores, place, studies, constraints)
            if place == 0:
                self._is_end = np.isin(np.arange(scores.shape[1]), self._ends)  # [V]
                self.ended = log_probabilities[:, self._eos].astype(np.float64).tolist()
                for row, draft in enumerate(self._drafts):
                    if draft.tokens:  # a caption is not empty
                        self._least[row] = max(LEAST, self.ended[row])
                scores[:, self._ends] = -np.inf  # a sentence has words
            scores[:, self._eos] = -np.inf
            if place:
                scores[scores < LEAST_WORD] = -np.inf
            parents, tokens = self._choose(scores, place)
            closing = self._is_end[tokens]
            self._close(scores, log_probabilities, state, place, parents[closing], tokens[closing], judge)
            going = ~closing & (at[parents] + 1 < self._max_length)
            kept = self._follow(log_probabilities, place, parents[going], tokens[going], at)
            if not len(kept):
                return
            state = tuple(part.take(kept, axis=0) for part in state)

    def _constrain(
        self, scores: Floats, place: int, studies: Integers, constraints: Sequence[Constraint]
    ) -> None:
        """Apply constraints, which take rows of one length, to the rows of each length."""
        edges = np.searchsorted(self._draft, [0, *self._groups, len(self._drafts)])
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if start < stop:
                length = self._lengths[self._draft[start]] + place
                for constraint in constraints:
                    constraint.apply(
                        scores[start:stop], self._tokens[start:stop, 1 : 1 + length], studies[start:stop]
                    )

    def _choose(self, scores: Floats, place: int) -> tuple[Integers, Integers]:
        """Rows and next tokens: the likeliest openings of each draft, or else each row's likeliest token."""
        if place >= BRANCHING:
            best = scores.argmax(axis=1)
            rows = np.flatnonzero(scores[np.arange(len(best)), best] > -np.inf)
            return rows, best[rows]
        total = scores + self._said[:, :place].sum(axis=1)[:, None]
        useful = (total > -np.inf) & (total >= self._needed()[self._draft][:, None])
        rows, tokens = useful.nonzero()
        draft = self._draft[rows]
        order = np.lexsort((-total[rows, tokens], draft))  # by draft, the likeliest first
        rank = np.arange(len(order)) - np.searchsorted(draft, draft)  # of a draft's candidates
        order = order[rank < OPENINGS]
        return rows[order], tokens[order]

    def _needed(self) -> Doubles:
        """`[N]` the score below which a sentence can no longer be chosen."""
        needed = self._least - self._most_allowance
        for row, (found, wanted) in enumerate(zip(self._found, self._passed_over, strict=True)):
            if len(found) > wanted:
                needed[row] = max(needed[row], found[wanted].score)
        return needed - ROUNDING

    def _close(
        self,
        scores: Floats,
        log_probabilities: Floats,
        state: State,
        place: int,
        parents: Integers,
        tokens: Integers,
        judge: Judge,
    ) -> None:
        """End sentences: those that chose to, and all that may."""
        closing = list(zip(parents.tolist(), tokens.tolist(), strict=True))
        if place:
            for end in self._ends:
                closing += [(row, end) for row in np.flatnonzero(scores[:, end] > LEAST_WORD).tolist()]
        for row, end in dict.fromkeys(closing):
            draft = int(self._draft[row])
            found, wanted = self._found[draft], self._passed_over[draft]
            said = (*self._said[row, :place].tolist(), float(log_probabilities[row, end]))
            score = float(np.sum(said))
            if len(found) > wanted and score <= found[wanted].score:
                continue
            before = self._drafts[draft]
            start = 1 + len(before.tokens)
            sentence = (*self._tokens[row, start : start + place].tolist(), end)
            allowance = judge(before.study, before.tokens, sentence)
            if allowance is None or score + allowance < self._least[draft]:
                continue
            stood = (*self._stood[row, :place].tolist(), row)
            looked = tuple(attention[i] for attention, i in zip(self._looked, stood, strict=False))
            after = tuple(part[row].copy() for part in state)
            insort(found, _Sentence(score, sentence, said, looked, after), key=lambda other: -other.score)
            del found[wanted + 1 :]

    def _follow(
        self, log_probabilities: Floats, place: int, parents: Integers, tokens: Integers, at: Integers
    ) -> Integers:
        """Continue `parents` without sentences that can no longer be chosen; return the rows that go on."""
        said = self._said.take(parents, axis=0)
        said[:, place] = log_probabilities[parents, tokens]
        draft = self._draft[parents]
        kept = np.flatnonzero(said[:, : place + 1].sum(axis=1) >= self._needed()[draft])
        parents, tokens = parents[kept], tokens[kept]
        self._draft, self._said = draft[kept], said[kept]
        self._tokens = self._tokens.take(parents, axis=0)
        self._tokens[np.arange(len(parents)), at[parents] + 1] = tokens
        self._stood = self._stood.take(parents, axis=0)
        self._stood[:, place] = parents
        return parents
