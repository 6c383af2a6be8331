"""CIDEr-D of one caption at a time, with document frequencies counted before: a reward in training.

The same score as `cider.CIDER_D` gives, where the frequencies are those of the references that are scored.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from radscribe.evaluation.cider import SIGMA
from radscribe.evaluation.ngrams import ORDERS
from radscribe.evaluation.tokenization import Tokens

Vector = dict[Tokens, float]  # weight of each n-gram of one order
MEMORY = 1 << 15  # references whose vectors are kept


class CiderD:
    """Scores captions one by one.

    Parameters
    ----------
    references : the texts that document frequencies are counted in.
    """

    def __init__(self, references: Iterable[Tokens]) -> None:
        frequency: Counter[Tokens] = Counter()
        documents = 0
        for words in references:
            frequency.update({gram for order in range(ORDERS) for gram in _grams(words, order)})
            documents += 1
        self._unseen = math.log(documents)
        self._idf = {gram: self._unseen - math.log(count) for gram, count in frequency.items()}
        self._kept = lru_cache(MEMORY)(self._vectors)

    def score(self, caption: Tokens, reference: Tokens) -> float:
        """0 to 10."""
        total = 0.0
        for (said, said_norm), (written, norm) in zip(
            self._vectors(caption), self._kept(reference), strict=True
        ):
            if said_norm and norm:
                dot = sum(
                    min(w, written[gram]) * written[gram] for gram, w in said.items() if gram in written
                )
                total += dot / (said_norm * norm)
        delta = max(len(caption) - 1, 0) - max(len(reference) - 1, 0)
        return 10 / ORDERS * total * math.exp(-(delta**2) / (2 * SIGMA**2))

    def _vectors(self, words: Tokens) -> list[tuple[Vector, float]]:
        """The tf-idf vector of each order, and its length."""
        made: list[tuple[Vector, float]] = []
        for order in range(ORDERS):
            counts = Counter(_grams(words, order))
            vector = {gram: n * self._idf.get(gram, self._unseen) for gram, n in counts.items()}
            made.append((vector, math.sqrt(sum(weight**2 for weight in vector.values()))))
        return made


def _grams(words: Tokens, order: int) -> Iterable[Tokens]:
    return zip(*(words[first:] for first in range(order + 1)), strict=False)
