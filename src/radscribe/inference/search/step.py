"""What a search drives: a decoder that goes one token further, many rows at once."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
State = tuple[npt.NDArray[Any], ...]  # each [R, ...]: a row is one hypothesis of one study
Stepped = tuple[Floats, State, Floats | None]


class StepFunction(Protocol):
    """A decoder's step: tokens `[R]`, the state, and what of it stays the same for a study
    → log-probabilities `[R, V]`, the next state, and attention `[R, L]` where there is some.

    Each row is computed on its own, so that a study gets in any batch what it would get alone.
    """

    def __call__(self, token: Integers, state: State, fixed: State) -> Stepped: ...
