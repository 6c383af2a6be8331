"""Search sentence by sentence, for captions that the search over tokens could not write without a mistake.

A wrong statement is usually clear only at the end of a sentence, when forbidding one more word leaves broken
English. So several whole sentences are written from the same beginning, and the likeliest that may be said
is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from radscribe.inference.constraints import Constraint
from radscribe.inference.search.strategy import Hypothesis, State, StepFunction

OPENINGS = 16  # sentences that are written from one beginning
BRANCHING = 3  # tokens at the beginning of a sentence that the openings differ in
LEAST_WORD = -3.5  # log-probability of a sentence's second and later words; rarer ones break the grammar
LEAST = -7.0  # log-probability of a sentence below which the caption ends instead
Judge = Callable[[int, tuple[int, ...], tuple[int, ...]], float | None]


@dataclass(slots=True)
class _Row:
    """A caption so far, or one of the sentences that may follow it."""

    study: int
    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    looked: list[np.ndarray] = field(default_factory=list)
    start: int = 0  # of the sentence that is being written
    state: int = 0  # row of the state arrays that the next step starts from

    def then(self, token: int, log_probability: float, looked: np.ndarray | None, state: int) -> _Row:
        return _Row(
            self.study,
            [*self.tokens, token],
            [*self.log_probabilities, log_probability],
            self.looked if looked is None else [*self.looked, looked],
            self.start,
            state,
        )

    @property
    def score(self) -> float:
        return float(np.sum(self.log_probabilities[self.start :]))


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

    Returns
    -------
    list of Hypothesis
        One per study. It has no tokens if no sentence may be said.
    """
    writing = [_Row(study, state=study) for study in range(len(state[0]))]
    done: dict[int, Hypothesis] = {}
    while writing:
        ended, sentences, state = _sentences(
            step, state, fixed, writing, ends, bos, eos, max_length, constraints
        )
        following: list[_Row] = []
        for before in writing:
            end = ended[before.study]
            least = max(LEAST, end) if before.tokens else LEAST  # a caption is not empty
            chosen, skip = None, 0 if before.tokens else passed_over
            for row in sorted(sentences.get(before.study, []), key=lambda row: -row.score):
                allowance = judge(row.study, tuple(before.tokens), tuple(row.tokens[row.start :]))
                if allowance is not None and row.score + allowance >= least:
                    if not skip:
                        chosen = row
                        break
                    skip -= 1
            if chosen is None or len(chosen.tokens) >= max_length - 1:
                done[before.study] = _finished(chosen or before, end)
            else:
                chosen.start = len(chosen.tokens)
                following.append(chosen)
        writing = following
    return [done[study] for study in sorted(done)]


def _finished(row: _Row, end: float) -> Hypothesis:
    attention = np.stack(row.looked) if row.looked else None
    return Hypothesis(tuple(row.tokens), (*row.log_probabilities, end), attention)


def _sentences(
    step: StepFunction,
    state: State,
    fixed: State,
    writing: Sequence[_Row],
    ends: Collection[int],
    bos: int,
    eos: int,
    max_length: int,
    constraints: Sequence[Constraint],
) -> tuple[dict[int, float], dict[int, list[_Row]], State]:
    """Whole sentences that may follow each caption, and the states after them.

    Returns
    -------
    tuple
        By study the log-probability of the caption's end; by study its sentences; and the states that the
        sentences' rows point to.
    """
    rows, ended, found = list(writing), dict[int, float](), dict[int, list[_Row]]()
    states: list[State] = []
    kept = 0  # rows in `states`
    for place in range(max_length):
        token = np.array([row.tokens[-1] if row.tokens else bos for row in rows], dtype=np.int64)
        studies = np.array([row.study for row in rows])
        moved = tuple(part.take([row.state for row in rows], axis=0) for part in state)
        still = tuple(part.take(studies, axis=0) for part in fixed)
        log_probabilities, state, attention = step(token, moved, still)
        scores = log_probabilities.astype(np.float64)
        _constrain(scores, rows, constraints, studies)
        if place == 0:
            ended = {row.study: float(log_probabilities[i, eos]) for i, row in enumerate(rows)}
            scores[:, list(ends)] = -np.inf  # a sentence has words
        scores[:, eos] = -np.inf
        if place:
            scores[scores < LEAST_WORD] = -np.inf
        going: list[_Row] = []
        closing: list[tuple[_Row, int]] = []
        choices = _choose(scores, rows, branching=place < BRANCHING)
        early = [(i, end) for end in ends for i in range(len(rows)) if place and scores[i, end] > LEAST_WORD]
        for i, chosen in dict.fromkeys((*choices, *early)):
            looked = None if attention is None else attention[i]
            row = rows[i].then(chosen, float(log_probabilities[i, chosen]), looked, i)
            if chosen in ends:
                closing.append((row, i))
            elif len(row.tokens) < max_length:
                going.append(row)
        if closing:
            states.append(tuple(part.take([i for _, i in closing], axis=0) for part in state))
            for row, _ in closing:
                row.state, kept = kept, kept + 1
                found.setdefault(row.study, []).append(row)
        rows = going
        if not rows:
            break
    after = tuple(np.concatenate(parts) for parts in zip(*states, strict=True)) if states else state
    return ended, found, after


def _choose(scores: np.ndarray, rows: Sequence[_Row], branching: bool) -> list[tuple[int, int]]:
    """Row and next token: the likeliest openings of each study, or else the likeliest token of each row."""
    if not branching:
        best = scores.argmax(axis=1)
        return [(i, int(best[i])) for i in range(len(rows)) if scores[i, best[i]] > -np.inf]
    chosen: list[tuple[int, int]] = []
    by_study: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        by_study.setdefault(row.study, []).append(i)
    for members in by_study.values():
        total = scores[members] + np.array([rows[i].score for i in members])[:, None]
        flat = total.ravel()
        top = np.argsort(-flat, kind="stable")[:OPENINGS]
        width = scores.shape[1]
        chosen += [(members[j // width], int(j % width)) for j in top.tolist() if flat[j] > -np.inf]
    return chosen


def _constrain(
    scores: np.ndarray, rows: Sequence[_Row], constraints: Sequence[Constraint], studies: np.ndarray
) -> None:
    """Apply constraints, which take rows of one length, to the rows of each length."""
    lengths = np.array([len(row.tokens) for row in rows])
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length)
        part = scores[same]
        tokens = np.array([rows[i].tokens for i in same.tolist()], dtype=np.int64).reshape(len(same), length)
        for constraint in constraints:
            constraint.apply(part, tokens, studies[same])
        scores[same] = part
