"""Captions of a given length, by the search that serves: for timing decoders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radscribe.inference.constraints import Constraint, Scores, Tokens
from radscribe.inference.search import Hypothesis, search
from radscribe.inference.sessions import Array, DecoderSession
from radscribe.text.tokenizer import ReportTokenizer


class NoEnd:
    """A caption does not end before `length` tokens."""

    def __init__(self, eos: int, length: int) -> None:
        self._eos, self._length = eos, length

    def apply(self, scores: Scores, tokens: Tokens) -> None:
        if tokens.shape[1] < self._length:
            scores[:, self._eos] = -np.inf


def captions(
    decoder: DecoderSession,
    tokenizer: ReportTokenizer,
    features: dict[str, Array],
    length: int,
    beam: int,
    constraints: Sequence[Constraint] = (),
) -> list[list[Hypothesis]]:
    """Captions of exactly `length` tokens of N studies, from their features by name."""
    return search(
        decoder.step,
        *decoder.init_state(features),
        bos=tokenizer.bos,
        eos=tokenizer.eos,
        max_length=length,
        beam=beam,
        constraints=(*constraints, NoEnd(tokenizer.eos, length)),
    )
