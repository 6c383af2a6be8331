"""The loop that drives every strategy, and the rows of hypotheses that it carries along."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import zip_longest

import numpy as np

from radscribe.inference.constraints import Constraint
from radscribe.inference.search.strategy import Floats, Hypothesis, Integers, State, StepFunction, Strategy

Lost = Callable[[int, tuple[int, ...]], bool]


class Paths:
    """R rows of t tokens; at first one empty row per study."""

    def __init__(self, studies: int, max_length: int) -> None:
        self.study = np.arange(studies)  # [R] whose hypothesis a row is
        self._tokens = np.zeros((studies, max_length), np.int64)  # [R, T], t of them said
        self._log_probabilities = np.zeros((studies, max_length), np.float32)  # [R, T] of each token
        self.lost = np.zeros(studies, bool)  # [R] whether no continuation of a row may be given
        self._length = 0
        self._looked: list[Floats] = []  # attention [rows of then, L] of every step
        self._stood = np.zeros((studies, max_length), np.int64)  # [R, T] which of these rows was its own

    @property
    def tokens(self) -> Integers:
        """`[R, t]`"""
        return self._tokens[:, : self._length]

    def look(self, attention: Floats | None) -> None:
        """Note the attention `[R, L]` with which the next token is said."""
        if attention is not None:
            self._looked.append(attention)

    def hypothesis(self, row: int, end: float) -> Hypothesis:
        """The hypothesis of a row, ended with log-probability `end`."""
        t = self._length
        attention = None
        if self._looked:
            said = [self._looked[s][self._stood[row, s]] for s in range(t)]
            attention = np.stack(said) if said else self._looked[0][:0]
        return Hypothesis(
            tuple(self._tokens[row, :t].tolist()),
            (*self._log_probabilities[row, :t].tolist(), float(end)),
            attention,
        )

    def follow(self, parents: Integers, tokens: Integers, log_probabilities: Floats) -> None:
        """Go on from `parents` `[R']` with one token each."""
        self.study, self.lost = self.study[parents], self.lost[parents]
        self._tokens = self._tokens.take(parents, axis=0)
        self._log_probabilities = self._log_probabilities.take(parents, axis=0)
        if self._looked:
            self._stood = self._stood.take(parents, axis=0)
            self._stood[:, self._length] = parents
        self._tokens[:, self._length] = tokens
        self._log_probabilities[:, self._length] = log_probabilities
        self._length += 1


def search(
    step: StepFunction,
    state: State,
    fixed: State = (),
    *,
    strategy: Strategy,
    bos: int,
    eos: int,
    max_length: int,
    constraints: Sequence[Constraint] = (),
    lost: Lost | None = None,
    ends: Collection[int] = (),
) -> list[list[Hypothesis]]:
    """Captions of each study, the best first.

    All studies go through the decoder together; each one's result is that of a search of its own.

    Parameters
    ----------
    state, fixed : State
        The decoder's first state, N rows, and what of it stays the same at every token.
    max_length : int
        Tokens of a caption at most; a caption that reaches it is ended there.
    lost : callable, optional
        Takes a study's place and the tokens of complete sentences, and returns whether no caption that begins
        like this may be given. A study of which every hypothesis is lost is given up: it gets hypotheses
        that may not be given, or none.
    ends : collection of int
        Tokens that end a sentence, where `lost` is asked.

    Returns
    -------
    list[list[Hypothesis]]
        For each of the N studies one to `strategy.width` hypotheses.
    """
    n = len(state[0])
    closing = np.array(sorted(ends), dtype=np.int64)
    hopeful = np.zeros(n, bool)  # studies with a finished caption that may be given
    finished: list[list[Hypothesis]] = [[] for _ in range(n)]
    chooser = strategy.begin(n, max_length + 1)
    paths = Paths(n, max_length)
    token = np.full(n, bos, dtype=np.int64)  # [R]
    spare: State = ()  # tensors that are no longer used, to write into: new ones cost more than the copying
    mine = False  # the first state is the caller's
    for t in range(max_length + 1):
        log_probabilities, state, attention = step(token, state, fixed)  # [R, V]
        paths.look(attention)
        scores = log_probabilities.copy()
        for constraint in constraints:
            constraint.apply(scores, paths.tokens, paths.study)
        over = scores.max(axis=1) == -np.inf  # there is nothing that the row may say: it ends
        if t == max_length:
            over[:] = True
        if paths.lost.any():
            open_ = hopeful.copy()  # [N] studies to go on with
            open_[paths.study[~paths.lost]] = True
            over |= ~open_[paths.study]
        if over.any():
            scores[over] = -np.inf
            scores[over, eos] = log_probabilities[over, eos]
        ended, parents, token = chooser.choose(scores, eos)
        for row in ended:
            finished[paths.study[row]].append(paths.hypothesis(row, log_probabilities[row, eos]))
            hopeful[paths.study[row]] |= not paths.lost[row]
        if not len(parents):
            break
        said = log_probabilities[parents, token]
        studies = paths.study
        paths.follow(parents, token, said)
        if lost is not None:
            ended_now = (token[:, None] == closing).any(axis=1) & ~paths.lost
            for row in ended_now.nonzero()[0].tolist():
                paths.lost[row] = lost(int(paths.study[row]), tuple(paths.tokens[row].tolist()))
        if not mine or len(parents) != len(studies) or (parents != np.arange(len(studies))).any():
            following = _rows(state, parents, spare)
            spare, state, mine = (state if mine else (), following, True)
        if len(studies) != len(parents) or (studies != paths.study).any():
            fixed = tuple(part.take(parents, axis=0) for part in fixed)  # equal in all rows of a study
    return [strategy.select(hypotheses) for hypotheses in finished]


def score(
    step: StepFunction,
    state: State,
    fixed: State,
    captions: Sequence[tuple[int, ...]],
    *,
    bos: int,
    eos: int,
) -> list[Hypothesis]:
    """Score given captions, one per study: the log-probability of each token, and where it looked.

    Parameters
    ----------
    state, fixed : State
        The decoder's first state, N rows, and what of it stays the same at every token.
    captions : sequence of tuple of int
        N captions, without `<bos>` and `<eos>`.

    Returns
    -------
    list of Hypothesis
        One per caption.
    """
    longest = max(map(len, captions), default=0)
    tokens = np.full((len(captions), longest + 1), eos, np.int64)  # [N, T + 1]
    for row, caption in enumerate(captions):
        tokens[row, : len(caption)] = caption
    before = np.concatenate([np.full((len(captions), 1), bos), tokens[:, :-1]], axis=1)
    said: list[Floats] = []
    looked: list[Floats] = []
    for t in range(longest + 1):
        log_probabilities, state, attention = step(before[:, t], state, fixed)
        said.append(log_probabilities[np.arange(len(captions)), tokens[:, t]])
        if attention is not None:
            looked.append(attention)
    return [
        Hypothesis(
            caption,
            tuple(float(at[row]) for at in said[: len(caption) + 1]),
            np.stack([at[row] for at in looked[: len(caption)]]) if looked and caption else None,
        )
        for row, caption in enumerate(captions)
    ]


def _rows(state: State, rows: Integers, spare: State) -> State:
    """Some rows of each tensor, copied into the memory of `spare` where they fit."""
    found = []
    for part, old in zip_longest(state, spare):
        fits = (
            old is not None and old is not part and old.shape[1:] == part.shape[1:] and len(old) >= len(rows)
        )
        out = old[: len(rows)] if fits and old.dtype == part.dtype else None
        found.append(part.take(rows, axis=0, out=out, mode="clip"))  # "raise" would copy twice
    return tuple(found)
