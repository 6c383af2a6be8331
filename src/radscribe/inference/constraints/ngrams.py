"""No going in circles."""

from __future__ import annotations

import numpy as np

from radscribe.inference.constraints.constraint import Scores, Tokens


class NoRepeatedNgram:
    """No hypothesis says `length` tokens twice (Paulus et al., ICLR 2018).

    Five, not the three of the paper: 14% of Indiana's reports say some trigram twice ("there is a"), which is
    forbidden only at the price of a broken sentence, and 0.5% five tokens.
    """

    def __init__(self, length: int = 5) -> None:
        self._before = length - 1

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        starts = tokens.shape[1] - self._before
        if starts <= 0:
            return
        # Where in each row its last tokens stood before: what followed them is forbidden now.
        seen = np.ones((len(tokens), starts), dtype=bool)
        for place in range(self._before):
            seen &= tokens[:, place : place + starts] == tokens[:, starts + place, None]
        for row, start in zip(*seen.nonzero(), strict=True):
            scores[row, tokens[row, start + self._before]] = -np.inf
