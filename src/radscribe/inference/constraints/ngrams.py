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
        spoken = tokens.shape[1]
        if spoken <= self._before:
            return
        # Where in each row its last tokens stood before: what followed them is forbidden now.
        seen = np.ones((len(tokens), spoken - self._before), dtype=bool)
        for place in range(self._before):
            last = tokens[:, spoken - self._before + place, None]
            seen &= tokens[:, place : spoken - self._before + place] == last
        for row, start in zip(*seen.nonzero(), strict=True):
            scores[row, tokens[row, start + self._before]] = -np.inf
