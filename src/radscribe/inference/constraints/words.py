"""Tokens that never stand in a caption, and the first that must be a word."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from radscribe.inference.constraints.constraint import Scores, Tokens


class Forbid:
    """Tokens that never stand in a caption: padding, unknown words, de-identification marks."""

    def __init__(self, token_ids: Iterable[int]) -> None:
        self._ids = np.array(sorted(set(token_ids)), dtype=np.int64)

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        scores[:, self._ids] = -np.inf


class NotEmpty:
    """The first token is a word."""

    def __init__(self, eos: int) -> None:
        self._eos = eos

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        if tokens.shape[1] == 0:
            scores[:, self._eos] = -np.inf
