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


class NoRepeatedTrigram:
    """No hypothesis says three tokens twice (Paulus et al., ICLR 2018); `allowed` tokens may always come."""

    def __init__(self, allowed: Sequence[int]) -> None:
        self._allowed = frozenset(allowed)

    def apply(self, scores: Scores, tokens: Tokens) -> None:
        length = tokens.shape[1]
        if length < 3:
            return
        # Where in each row the last two tokens stood before: what followed them is forbidden now.
        seen = (tokens[:, :-2] == tokens[:, -2, None]) & (tokens[:, 1:-1] == tokens[:, -1, None])
        for row, start in zip(*np.nonzero(seen), strict=True):
            follower = int(tokens[row, start + 2])
            if follower not in self._allowed:
                scores[row, follower] = -np.inf


class NotEmpty:
    """The first token is a word."""

    def __init__(self, eos: int) -> None:
        self._eos = eos

    def apply(self, scores: Scores, tokens: Tokens) -> None:
        if tokens.shape[1] == 0:
            scores[:, self._eos] = -np.inf


def of_a_caption(tokenizer: ReportTokenizer) -> tuple[Constraint, ...]:
    """What holds for every caption: words, none of them a de-identification mark, and no trigram twice."""
    marks = [i for i, token in enumerate(tokenizer.tokens()) if "xxx" in token]
    special = [tokenizer.pad, tokenizer.bos, tokenizer.unk]
    return Forbid([*special, *marks]), NoRepeatedTrigram(()), NotEmpty(tokenizer.eos)
