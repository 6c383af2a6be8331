"""Decode captions from features with the search that serves, to time decoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe.inference.constraints import Constraint
from radscribe.inference.search import Beam, Hypothesis, search
from radscribe.inference.sessions import DecoderSession
from radscribe.text.tokenizer import ReportTokenizer

Features = dict[str, npt.NDArray[Any]]


class NoEnd:
    """Keeps a caption from ending before `length` tokens."""

    def __init__(self, eos: int, length: int) -> None:
        self._eos, self._length = eos, length

    def apply(self, scores: npt.NDArray[np.float32], tokens: npt.NDArray[np.int64], *_: object) -> None:
        if tokens.shape[1] < self._length:
            scores[:, self._eos] = -np.inf


def captions(
    decoder: DecoderSession,
    tokenizer: ReportTokenizer,
    features: Features,
    *,
    longest: int,
    shortest: int = 0,
    beam: int = 1,
    constraints: Sequence[Constraint] = (),
) -> list[Hypothesis]:
    """Decode the best caption of each of N studies, with `shortest` to `longest` tokens."""
    found = search(
        decoder.step,
        *decoder.init_state(features),
        bos=tokenizer.bos,
        eos=tokenizer.eos,
        max_length=longest,
        strategy=Beam(beam),
        constraints=(*constraints, NoEnd(tokenizer.eos, shortest)),
    )
    return [best for best, *_ in found]
