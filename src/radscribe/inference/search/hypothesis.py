"""A finished caption."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from radscribe.inference.search.step import Floats


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished caption: its tokens without `<bos>` and `<eos>`, and each one's log-probability.

    The log-probabilities are the model's own, whatever the strategy made of them. There is one more than
    there are tokens: that of the end. `attention` `[tokens, L]` says where each token looked.
    """

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    attention: Floats | None = field(default=None, compare=False)

    @property
    def log_probability(self) -> float:
        """Of the whole caption, its end included."""
        return float(np.sum(self.log_probabilities))
