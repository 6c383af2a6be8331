"""ROUGE-L (Lin, 2004), as `pycocoevalcap` computes it.

Precision and recall come from the longest common subsequence. With several references, the best precision and
the best recall count, even if they come from different references. Beta is 1.2; the score is the mean over
studies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radscribe.evaluation.metrics.base import Corpus, Floats, mean_of

BETA = 1.2


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, with bit-parallel arithmetic (Hyyrö, 2004)."""
    where: dict[str, int] = {}
    for place, word in enumerate(other):
        where[word] = where.get(word, 0) | 1 << place
    every = (1 << len(other)) - 1
    row = every
    for word in one:
        if hits := row & where.get(word, 0):
            row = (row + hits | row - hits) & every
    return len(other) - row.bit_count()


def per_study(corpus: Corpus) -> Floats:
    """Return ROUGE-L of each study, `[N]`."""
    known: dict[tuple[object, object], float] = {}  # constants and "normal" repeat
    scores: list[float] = []
    for caption, references in zip(corpus.captions, corpus.references, strict=True):
        key = caption, tuple(references)
        if key not in known:
            known[key] = _score(caption, references)
        scores.append(known[key])
    return np.array(scores)


def _score(caption: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    # As in pycocoevalcap, an empty text is one empty word, so an empty caption fits an empty reference.
    said = caption or ("",)
    written = [words or ("",) for words in references]
    common = [common_subsequence(said, words) for words in written]
    precision = max(common) / len(said)
    recall = max(c / len(words) for c, words in zip(common, written, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


ROUGE_L = mean_of("rouge_l", per_study, "beta:1.2")
