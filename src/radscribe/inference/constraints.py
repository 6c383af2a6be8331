"""What a caption must not say: each constraint forbids next tokens of the hypotheses so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from radscribe.text.tokenizer import ReportTokenizer

Tokens = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


class Constraint(Protocol):
    """Sets scores of forbidden next tokens to minus infinity, in place."""

    def apply(self, scores: Scores, tokens: Tokens) -> None:
        """`scores` `[R, V]` of the next token, `tokens` `[R, t]` so far (without `<bos>`)."""


class Forbid:
    """Tokens that never stand in a caption: padding, unknown words, de-identification marks."""

    def __init__(self, token_ids: Sequence[int]) -> None:
        self._ids = np.array(sorted(set(token_ids)), dtype=np.int64)

    def apply(self, scores: Scores, tokens: Tokens) -> None:
        scores[:, self._ids] = -np.inf


class NoRepeatedNgram:
    """No hypothesis says `length` tokens twice (Paulus et al., ICLR 2018), so that none goes in circles.

    Five, not the three of the paper: 14% of Indiana's reports say some trigram twice ("there is a"), which is
    forbidden only at the price of a broken sentence, and 0.5% five tokens.
    """

    def __init__(self, length: int = 5) -> None:
        self._before = length - 1

    def apply(self, scores: Scores, tokens: Tokens) -> None:
        if tokens.shape[1] <= self._before:
            return
        # Where in each row its last tokens stood before: what followed them is forbidden now.
        windows = np.lib.stride_tricks.sliding_window_view(tokens[:, :-1], self._before, axis=1)
        seen = (windows == tokens[:, None, -self._before :]).all(2)  # [R, t - length + 1]
        for row, start in zip(*np.nonzero(seen), strict=True):
            scores[row, tokens[row, start + self._before]] = -np.inf


class NotEmpty:
    """The first token is a word."""

    def __init__(self, eos: int) -> None:
        self._eos = eos

    def apply(self, scores: Scores, tokens: Tokens) -> None:
        if tokens.shape[1] == 0:
            scores[:, self._eos] = -np.inf


def of_a_caption(tokenizer: ReportTokenizer) -> tuple[Constraint, ...]:
    """What holds for every caption: words, no de-identification mark, and no five words twice."""
    marks = [i for i, token in enumerate(tokenizer.tokens()) if "xxx" in token]
    special = [tokenizer.pad, tokenizer.bos, tokenizer.unk]
    return Forbid([*special, *marks]), NoRepeatedNgram(), NotEmpty(tokenizer.eos)
