"""The loop of every search: the decoder steps, constraints forbid, the strategy chooses, rows follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radscribe.inference.constraints import Constraint
from radscribe.inference.search.hypothesis import Hypothesis
from radscribe.inference.search.paths import Paths
from radscribe.inference.search.step import State, StepFunction
from radscribe.inference.search.strategy import Strategy


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
) -> list[list[Hypothesis]]:
    """Captions of each study, the best first.

    All studies go through the decoder together; each one's result is that of a search of its own.

    Parameters
    ----------
    state, fixed : the decoder's first state, N rows, and what of it stays the same at every token.
    max_length : tokens of a caption at most; a caption that reaches it is ended there.

    Returns
    -------
    for each of the N studies one to `strategy.width` hypotheses.
    """
    n = len(state[0])
    finished: list[list[Hypothesis]] = [[] for _ in range(n)]
    chooser = strategy.begin(n, max_length + 1)
    paths = Paths(n, max_length)
    token = np.full(n, bos, dtype=np.int64)  # [R]
    for t in range(max_length + 1):
        log_probabilities, state, attention = step(token, state, fixed)  # [R, V]
        paths.look(attention)
        scores = log_probabilities.astype(np.float64)
        for constraint in constraints:
            constraint.apply(scores, paths.tokens, paths.study)
        over = scores.max(axis=1) == -np.inf  # there is nothing that the row may say: it ends
        if t == max_length:
            over[:] = True
        if over.any():
            scores[over] = -np.inf
            scores[over, eos] = log_probabilities[over, eos]
        ended, parents, token = chooser.choose(scores, eos)
        for row in ended:
            finished[paths.study[row]].append(paths.hypothesis(row, log_probabilities[row, eos]))
        if not len(parents):
            break
        said = log_probabilities[parents, token]
        studies = paths.study
        paths.follow(parents, token, said)
        state = tuple(part.take(parents, axis=0) for part in state)
        if len(studies) != len(parents) or (studies != paths.study).any():
            fixed = tuple(part.take(parents, axis=0) for part in fixed)  # a study's rows are alike in it
    return [strategy.select(hypotheses) for hypotheses in finished]
