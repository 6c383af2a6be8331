"""The definition of a metric: additive numbers per study, and a score computed from their sums.

The sums of all bootstrap resamples are one matrix product, so a thousand resamples are cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from radscribe.errors import DataError
from radscribe.evaluation.metrics.ngrams import Grams, Ints, count_ngrams, split_at
from radscribe.evaluation.tokenisation.named import Tokens

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Corpus:
    """N captions and their references, as words.

    Parameters
    ----------
    captions : sequence of tuple of str
        Words of each caption; an empty tuple for an empty caption.
    references : sequence of sequences of tuple of str
        Words of the references of each study, one or more.

    Raises
    ------
    DataError
        The numbers of captions and references differ, or a study has no reference.
    """

    captions: Sequence[Tokens]
    references: Sequence[Sequence[Tokens]]

    def __post_init__(self) -> None:
        if len(self.captions) != len(self.references) or not all(self.references):
            raise DataError(
                f"{len(self.captions)} captions and {len(self.references)} studies with references",
                remedy="give every caption at least one reference",
            )

    def __len__(self) -> int:
        return len(self.captions)

    @cached_property
    def study(self) -> Ints:
        """Row of the study of each reference, `[R]`."""
        return np.repeat(np.arange(len(self)), [len(texts) for texts in self.references])

    @cached_property
    def grams(self) -> list[tuple[Grams, Grams]]:
        """N-grams of the captions and of the references, for orders 1 to 4."""
        texts = [*self.captions, *(words for references in self.references for words in references)]
        return [split_at(grams, len(self)) for grams in count_ngrams(texts)]


@dataclass(frozen=True, slots=True)
class Metric:
    """One or more scores from the same numbers.

    Parameters
    ----------
    names : tuple of str
        Names of the scores, as in `scores.json`.
    statistics : callable
        Takes a `Corpus` of N studies and returns numbers that add up over studies, `[N, K]`.
    value : callable
        Takes sums `[..., K]` and returns scores `[..., len(names)]`.
    parameters : str
        Part of the signature of these scores, such as "sigma:6".
    """

    names: tuple[str, ...]
    statistics: Callable[[Corpus], Floats]
    value: Callable[[Floats], Floats]
    parameters: str = ""


def mean_of(name: str, per_study: Callable[[Corpus], Floats], parameters: str = "") -> Metric:
    """Make a metric that is the mean of one score per study, `[N]`."""

    def statistics(corpus: Corpus) -> Floats:
        return np.stack([per_study(corpus), np.ones(len(corpus))], axis=1)

    return Metric((name,), statistics, lambda sums: ratio(sums[..., :1], sums[..., 1:]), parameters)


def ratio(above: Floats, below: Floats) -> Floats:
    """Return `above / below`, or 0 where `below` is 0."""
    out: Floats = np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)
    return out
