"""Languages small enough to enumerate: the next token depends on the last one, and on the study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt

from radscribe.inference.constraints import Constraint, Forbid, NotEmpty
from radscribe.inference.search import Hypothesis, State, Stepped, Strategy, search

BOS, EOS, V = 0, 1, 5
LONGEST = 4
WORDED: tuple[Constraint, ...] = (Forbid([BOS]), NotEmpty(EOS))
Floats = npt.NDArray[np.float32]


def table(seed: int, vocabulary: int = V) -> Floats:
    """Log-probabilities `[V, V]` of the next token after each token."""
    logits = np.random.default_rng(seed).normal(size=(vocabulary, vocabulary)) * 2
    log_probabilities: Floats = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return log_probabilities.astype(np.float32)


class Bigrams:
    """A decoder whose state is a study's number: each study has a language of its own."""

    def __init__(self, tables: Sequence[Floats]) -> None:
        self.tables = np.stack(tables)

    def start(self, *studies: int) -> State:
        return (np.array(studies, dtype=np.float32)[:, None],)

    def __call__(self, token: npt.NDArray[np.int64], state: State, fixed: State) -> Stepped:
        return self.tables[state[0][:, 0].astype(int), token], state, None


def run(
    step: Bigrams,
    studies: Sequence[int],
    strategy: Strategy,
    constraints: Sequence[Constraint] = WORDED,
    max_length: int = LONGEST,
) -> list[list[Hypothesis]]:
    return search(
        step,
        step.start(*studies),
        strategy=strategy,
        bos=BOS,
        eos=EOS,
        max_length=max_length,
        constraints=constraints,
    )


def captions(logp: Floats) -> Iterator[tuple[tuple[int, ...], float]]:
    """All captions of one to LONGEST words that say neither <bos> nor nothing, and their log-probability."""
    for length in range(1, LONGEST + 1):
        for words in product(range(2, V), repeat=length):
            yield words, sum(float(logp[a, b]) for a, b in pairwise((BOS, *words, EOS)))
