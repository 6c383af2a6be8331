"""N-grams of many texts as arrays: which text has which n-gram how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
ORDERS = 4


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
