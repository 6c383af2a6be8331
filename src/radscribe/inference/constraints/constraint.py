"""What every constraint is."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int64]
Scores = npt.NDArray[np.floating[Any]]


class Constraint(Protocol):
    """Sets scores of forbidden next tokens to minus infinity, in place."""

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        """`scores` `[R, V]` of the next token; `tokens` `[R, t]` so far (without `<bos>`); `studies` `[R]`,
        whose caption each row is: its place among the studies that are searched together."""
