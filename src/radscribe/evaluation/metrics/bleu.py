"""Corpus BLEU-1 to BLEU-4 (Papineni et al., ACL 2002), as `pycocoevalcap` computes it.

Clipped counts and lengths are summed over studies. The brevity penalty uses the length of the closest
reference, and the shorter one if two are equally close. The scores equal those of `pycocoevalcap.bleu`,
including its constants against division by zero.

`bleu_4_add_1` is smoothed: one is added to the matches and guesses of orders 2 to 4 (Lin & Och, COLING
2004), so a small set without a common 4-gram does not score zero.
"""

from __future__ import annotations

import numpy as np

from radscribe.evaluation.metrics.base import ORDERS, Corpus, Floats, Metric, look_up

_SMALL, _TINY = 1e-9, 1e-15  # pycocoevalcap's


def statistics(corpus: Corpus) -> Floats:
    """Return matches and guesses of orders 1 to 4, and words of caption and reference, `[N, 10]`."""
    n = len(corpus)
    out = np.zeros((n, 2 * ORDERS + 2))
    for order, (said, written) in enumerate(corpus.grams):
        key = corpus.study[written.doc] * written.kinds + written.gram
        keys, place = np.unique(key, return_inverse=True)
        most = np.zeros(len(keys), dtype=np.int64)
        np.maximum.at(most, place, written.count)
        matches = np.minimum(said.count, look_up(keys, most, said.key))
        out[:, order] = np.bincount(said.doc, matches, n)
        out[:, ORDERS + order] = np.bincount(said.doc, said.count, n)
    out[:, -2] = [len(words) for words in corpus.captions]
    out[:, -1] = [
        min((abs(len(text) - len(words)), len(text)) for text in texts)[1]
        for words, texts in zip(corpus.captions, corpus.references, strict=True)
    ]
    return out


def value(sums: Floats) -> Floats:
    """Return BLEU-1 to BLEU-4 and smoothed BLEU-4, `[..., 5]`, from sums `[..., 10]`."""
    matches, guesses = sums[..., :ORDERS], sums[..., ORDERS : 2 * ORDERS]
    orders = np.arange(1, ORDERS + 1)
    precision = (matches + _TINY) / (guesses + _SMALL)
    plain = np.exp(np.cumsum(np.log(precision), -1) / orders)
    one = (orders > 1).astype(np.float64)
    smooth = np.exp(np.mean(np.log((matches + one + _TINY) / (guesses + one + _SMALL)), -1, keepdims=True))
    lengths = (sums[..., -2:-1] + _TINY) / (sums[..., -1:] + _SMALL)
    penalty = np.exp(np.minimum(0.0, 1 - 1 / lengths))
    scores: Floats = np.concatenate([plain, smooth], -1) * penalty
    return scores


def each_for_all(corpus: Corpus) -> Floats:
    """Return the BLEU-4 of each caption if it were given to every study, `[C]`.

    Parameters
    ----------
    corpus : Corpus
        C captions and R references that do not belong together; the first text of each reference counts.
    """
    c, r = len(corpus.captions), len(corpus.references)
    sums = np.zeros((c, 2 * ORDERS + 2))
    for order, (said, written) in enumerate(corpus.grams):
        matches = np.zeros(len(said.doc), dtype=np.int64)
        for level in range(1, int(said.count.max(initial=0)) + 1):
            having = np.bincount(written.gram[written.count >= level], minlength=written.kinds)
            matches += np.where(said.count >= level, having[said.gram], 0)
        sums[:, order] = np.bincount(said.doc, matches, c)
        sums[:, ORDERS + order] = np.bincount(said.doc, said.count, c) * r
    sums[:, -2] = [len(words) * r for words in corpus.captions]
    sums[:, -1] = sum(len(references[0]) for references in corpus.references)
    return value(sums)[:, 3]


BLEU = Metric(("bleu_1", "bleu_2", "bleu_3", "bleu_4", "bleu_4_add_1"), statistics, value, "reflen:closest")
