"""Beam search over a batch of studies at once, each with its own beam; a beam of 1 is greedy search.

Every row (one hypothesis of one study) is computed on its own, so a study gets the caption that it would
get alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from radscribe.inference.constraints import Constraint

Floats = npt.NDArray[np.float32]
State = tuple[npt.NDArray[Any], ...]
Stepped = tuple[Floats, State, Floats | None]
Ranker = Callable[[float, int], float]
"""From a hypothesis' log-probability and its length (end included) to the figure it is ranked by."""


class StepFunction(Protocol):
    """A decoder's step: tokens `[R]`, the state, and what of it stays the same for a study
    → log-probabilities `[R, V]`, the next state, and attention `[R, L]` where there is some."""

    def __call__(self, token: npt.NDArray[np.int64], state: State, fixed: State) -> Stepped: ...


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished caption: its tokens without `<bos>` and `<eos>`, and each one's log-probability.

    `log_probabilities` has one more entry than `tokens`: that of the end. `attention` `[tokens, L]` says
    where each token looked.
    """

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    attention: Floats | None = field(default=None, compare=False)

    @property
    def log_probability(self) -> float:
        return float(np.sum(self.log_probabilities))


def total(log_probability: float, length: int) -> float:
    """Rank by the log-probability itself: favours short captions."""
    return log_probability


def mean(log_probability: float, length: int) -> float:
    """Rank by the log-probability a token."""
    return log_probability / length


def wu(alpha: float = 0.7) -> Ranker:
    """Length penalty of Wu et al., Google's Neural Machine Translation System, 2016, equation 14."""

    def rank(log_probability: float, length: int) -> float:
        return float(log_probability / ((5 + length) / 6) ** alpha)

    return rank


@dataclass(slots=True)
class _Beam:
    """The hypotheses of one study: open rows, and those that ended."""

    tokens: npt.NDArray[np.int64]  # [B, t]
    log_probabilities: npt.NDArray[np.float64]  # [B, t] of each token
    scores: npt.NDArray[np.float64]  # [B] sums; -inf marks an unused row
    rows: npt.NDArray[np.int64]  # [B, t] the row of the beam that said each token
    finished: list[Hypothesis] = field(default_factory=list)
    looked: list[Floats] = field(default_factory=list)  # attention [B, L] of every step

    def attention(self, row: int) -> Floats | None:
        """Where each token of a row looked, `[t, L]`."""
        if not self.looked:
            return None
        path = self.rows[row]  # one step shorter: the last step says the end
        return np.stack([step[said] for step, said in zip(self.looked, [*path, row], strict=True)])[:-1]


def search(
    step: StepFunction,
    state: State,
    fixed: State = (),
    *,
    bos: int,
    eos: int,
    max_length: int,
    beam: int = 1,
    constraints: Sequence[Constraint] = (),
    rank: Ranker = mean,
) -> list[list[Hypothesis]]:
    """The best captions of each study, by falling rank; at most `beam` each.

    Parameters
    ----------
    state, fixed : the decoder's first state, N rows, and what of it stays the same at every token.
    max_length : tokens of a caption at most; a caption that reaches it is ended there.

    Returns
    -------
    for each of the N studies one to `beam` hypotheses.
    """
    n = len(state[0])
    beams = [_empty(beam) for _ in range(n)]
    open_studies = list(range(n))
    # All rows of a study are alike at first; only its first one counts until they differ.
    rows = np.repeat(np.arange(n), beam)
    state, fixed = tuple(part[rows] for part in state), tuple(part[rows] for part in fixed)
    token = np.full(n * beam, bos, dtype=np.int64)
    for t in range(max_length + 1):
        raw, state, attention = step(token, state, fixed)
        allowed = raw.copy()
        history = np.concatenate([beams[study].tokens for study in open_studies])
        for constraint in constraints:
            constraint.apply(allowed, history)
        if t == max_length:
            allowed[:, np.arange(allowed.shape[1]) != eos] = -np.inf
        keep: list[npt.NDArray[np.int64]] = []
        still_open: list[int] = []
        for index, study in enumerate(open_studies):
            window = slice(index * beam, (index + 1) * beam)
            if attention is not None:
                beams[study].looked.append(attention[window])
            parents = _advance(beams[study], raw[window], allowed[window], eos, beam)
            if parents is None or _settled(beams[study], beam, rank, max_length + 1):
                continue
            keep.append(parents + index * beam)
            still_open.append(study)
        if not still_open:
            break
        if len(still_open) < len(open_studies):  # a study's rows are alike: only studies that end matter
            left = np.repeat(np.isin(open_studies, still_open), beam)
            fixed = tuple(part[left] for part in fixed)
        open_studies = still_open
        rows = np.concatenate(keep)
        state = tuple(part[rows] for part in state)
        token = np.concatenate([beams[study].tokens[:, -1] for study in open_studies])
    return [_ranked(b.finished, rank)[:beam] for b in beams]


def _empty(beam: int) -> _Beam:
    scores = np.full(beam, -np.inf)
    scores[0] = 0.0
    return _Beam(np.zeros((beam, 0), np.int64), np.zeros((beam, 0)), scores, np.zeros((beam, 0), np.int64))


def _advance(
    beam: _Beam,
    raw: npt.NDArray[np.float32],
    allowed: npt.NDArray[np.float32],
    eos: int,
    size: int,
) -> npt.NDArray[np.int64] | None:
    """Move a beam one token on; give the parent row of each new row, or None when no row is left open."""
    vocabulary = raw.shape[1]
    candidates = (beam.scores[:, None] + allowed).ravel()
    # Twice the beam: at most `size` of them end, so `size` are left to go on.
    count = min(2 * size, candidates.size)
    best = np.argpartition(-candidates, count - 1)[:count]
    best = best[np.lexsort((best, -candidates[best]))]  # ties go to the lower token: the order is certain
    parents: list[int] = []
    tokens: list[int] = []
    for rank, flat in enumerate(best):
        if not np.isfinite(candidates[flat]):
            break
        parent, token = divmod(int(flat), vocabulary)
        if token == eos:
            if rank < size:  # an end counts only when it is among the beam's best
                beam.finished.append(
                    Hypothesis(
                        tuple(beam.tokens[parent].tolist()),
                        (*beam.log_probabilities[parent].tolist(), float(raw[parent, eos])),
                        beam.attention(parent),
                    )
                )
        elif len(parents) < size:
            parents.append(parent)
            tokens.append(token)
    if not parents:
        return None
    used = len(parents)
    rows = np.array(parents + [parents[0]] * (size - used), dtype=np.int64)
    new = np.array(tokens + [tokens[0]] * (size - used), dtype=np.int64)
    chosen = raw[rows, new].astype(np.float64)
    scores = beam.scores[rows] + chosen
    scores[used:] = -np.inf
    beam.tokens = np.concatenate([beam.tokens[rows], new[:, None]], axis=1)
    beam.log_probabilities = np.concatenate([beam.log_probabilities[rows], chosen[:, None]], axis=1)
    beam.rows = np.concatenate([beam.rows[rows], rows[:, None]], axis=1)
    beam.scores = scores
    return rows


def _settled(beam: _Beam, size: int, rank: Ranker, longest: int) -> bool:
    """Whether no open row can still come among the `size` best finished ones.

    A row's log-probability can only fall. Its rank is at best what it has now, spread over the longest
    caption; for rankers that do not favour length that is its present rank.
    """
    if len(beam.finished) < size:
        return False
    worst = rank(*_key(_ranked(beam.finished, rank)[size - 1]))
    hope = float(beam.scores.max())
    return max(rank(hope, longest), rank(hope, beam.tokens.shape[1] + 1)) <= worst


def _key(hypothesis: Hypothesis) -> tuple[float, int]:
    return hypothesis.log_probability, len(hypothesis.log_probabilities)


def _ranked(hypotheses: list[Hypothesis], rank: Ranker) -> list[Hypothesis]:
    return sorted(hypotheses, key=lambda h: -rank(*_key(h)))
