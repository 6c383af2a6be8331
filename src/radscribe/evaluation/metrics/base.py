"""The definition of a metric: additive numbers per study, and a score computed from their sums; n-grams.

The sums of all bootstrap resamples are one matrix product, so a thousand resamples are cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from radscribe.errors import DataError
from radscribe.evaluation.tokenisation import Tokens

Ints = npt.NDArray[np.int64]
ORDERS = 4
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams of one order, sorted by text and n-gram.

    Parameters
    ----------
    doc, gram, count : ndarray
        Text `doc[i]` has n-gram `gram[i]` `count[i]` times.
    kinds : int
        Number of different n-grams; their ids run from 0.
    """

    doc: Ints
    gram: Ints
    count: Ints
    kinds: int

    @property
    def key(self) -> Ints:
        """One ascending number per text and n-gram."""
        return self.doc * self.kinds + self.gram


def count_ngrams(texts: Sequence[Sequence[str]]) -> list[Grams]:
    """Count the n-grams of orders 1 to 4. An n-gram has the same id in all texts."""
    ids: dict[str, int] = {}
    flat = np.array([ids.setdefault(word, len(ids)) for words in texts for word in words], dtype=np.int64)
    lengths = np.array([len(words) for words in texts], dtype=np.int64)
    doc = np.repeat(np.arange(len(texts)), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(flat))  # words from here to the text's end
    orders: list[Grams] = []
    gram, kinds = flat, len(ids)
    for order in range(1, ORDERS + 1):
        if order > 1:
            here = np.flatnonzero(left >= order)
            pair = np.full(len(flat), -1, dtype=np.int64)
            pair[here] = gram[here] * max(len(ids), 1) + flat[here + order - 1]
            names, inverse = np.unique(pair[here], return_inverse=True)
            gram = pair
            gram[here] = inverse
            kinds = len(names)
        here = np.flatnonzero(left >= order)
        kinds = max(kinds, 1)
        key, count = np.unique(doc[here] * kinds + gram[here], return_counts=True)
        orders.append(Grams(key // kinds, key % kinds, count.astype(np.int64), kinds))
    return orders


def split_at(grams: Grams, docs: int) -> tuple[Grams, Grams]:
    """Split into the n-grams of the first `docs` texts and of the others, whose texts count from 0 again."""
    edge = int(np.searchsorted(grams.doc, docs))
    first = Grams(grams.doc[:edge], grams.gram[:edge], grams.count[:edge], grams.kinds)
    other = Grams(grams.doc[edge:] - docs, grams.gram[edge:], grams.count[edge:], grams.kinds)
    return first, other


def look_up(keys: Ints, counts: Ints, wanted: Ints) -> Ints:
    """Return the count of each wanted key; `keys` ascend, and a key that is not there counts 0."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, counts[place], 0)


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
