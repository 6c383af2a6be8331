"""The wording of captions, right or wrong: exact matches, lengths, variety."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from radscribe.evaluation.metrics.base import Corpus, Floats, Metric, mean_of, ratio
from radscribe.evaluation.tokenisation import Tokens


def exact(corpus: Corpus) -> Floats:
    """Return 1 for each caption whose words are those of a reference, else 0, `[N]`."""
    pairs = zip(corpus.captions, corpus.references, strict=True)
    return np.array([float(caption in references) for caption, references in pairs])


def lengths(corpus: Corpus) -> Floats:
    """Return the number of words of each caption, and the mean of its references, `[N, 2]`."""
    return np.array(
        [
            [len(caption), sum(map(len, references)) / len(references)]
            for caption, references in zip(corpus.captions, corpus.references, strict=True)
        ]
    ).reshape(-1, 2)


def distinct(captions: Sequence[Tokens]) -> int:
    """Return the number of different captions."""
    return len(set(captions))


def vocabulary_used(captions: Sequence[Tokens]) -> int:
    """Return the number of different words in captions."""
    return len({word for words in set(captions) for word in words})


def most_frequent(captions: Sequence[str], most: int = 10) -> list[tuple[str, int]]:
    """Return the most frequent captions and their counts."""
    return Counter(" ".join(caption.split()) for caption in captions).most_common(most)


EXACT_MATCH = mean_of("exact_match", exact)
LENGTH_RATIO = Metric(("length_ratio",), lengths, lambda sums: ratio(sums[..., :1], sums[..., 1:]))
