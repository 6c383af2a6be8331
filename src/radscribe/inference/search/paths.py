"""What each open row said so far, how likely that was, and where it looked."""

from __future__ import annotations

import numpy as np

from radscribe.inference.search.hypothesis import Hypothesis
from radscribe.inference.search.step import Floats, Integers


class Paths:
    """R rows of t tokens; at first one empty row a study."""

    def __init__(self, studies: int, max_length: int) -> None:
        self.study = np.arange(studies)  # [R] whose hypothesis a row is
        self._tokens = np.zeros((studies, max_length), np.int64)  # [R, T], t of them said
        self._log_probabilities = np.zeros((studies, max_length), np.float32)  # [R, T] of each token
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
        """What a row said, ended with log-probability `end`."""
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
        self.study = self.study[parents]
        self._tokens = self._tokens.take(parents, axis=0)
        self._log_probabilities = self._log_probabilities.take(parents, axis=0)
        if self._looked:
            self._stood = self._stood.take(parents, axis=0)
            self._stood[:, self._length] = parents
        self._tokens[:, self._length] = tokens
        self._log_probabilities[:, self._length] = log_probabilities
        self._length += 1
