"""The best thing to say of every study without looking: chosen among training reports on validation data.

One for each kind of score, because each is fooled by another sentence. All candidates are scored at once:
what a constant matches over all references depends only on how many references have each n-gram.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np

from radscribe.evaluation import bleu, cider
from radscribe.evaluation.clinical import Codes, Uncertain, asserted
from radscribe.evaluation.metric import Corpus, Floats, ratio
from radscribe.evaluation.ngrams import ORDERS, Grams, Ints
from radscribe.evaluation.tokenization import Tokens

CANDIDATES = 2000
CHUNK = 256  # candidates whose matches are in memory at once
MOST_REFERENCES = 500  # of validation, that candidates are compared with


def candidates(texts: Sequence[str], most: int = CANDIDATES, seed: int = 0) -> list[str]:
    """Different training reports: the frequent ones, and others at random up to `most`."""
    count = Counter(texts)
    names = [name for name, _ in count.most_common()]
    if len(names) <= most:
        return names
    often, rest = names[: most // 2], names[most // 2 :]
    return often + random.Random(seed).sample(rest, most - len(often))


def sample(texts: Sequence[str], seed: int = 0) -> list[str]:
    """The validation references that constants are chosen on."""
    texts = list(texts)
    return texts if len(texts) <= MOST_REFERENCES else random.Random(seed).sample(texts, MOST_REFERENCES)


def pairing(proposed: Sequence[Tokens], references: Sequence[Tokens]) -> Corpus:
    """Candidates and references with common n-gram ids; the two lists are not of one length."""
    return _Pairing(list(proposed), [[words] for words in references])


class _Pairing(Corpus):
    """A corpus whose captions and references do not belong together."""

    def __post_init__(self) -> None:
        """Nothing to check: they need not be as many."""


def bleu_4(corpus: Corpus) -> Floats:
    """BLEU-4 of each candidate said of every study, `[C]`."""
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
    return bleu.value(sums)[:, 3]


def cider_d(corpus: Corpus) -> Floats:
    """CIDEr-D of each candidate said of every study, `[C]`; document frequencies of the references."""
    c, r = len(corpus.captions), len(corpus.references)
    grams = corpus.grams
    frequencies = [np.bincount(written.gram, minlength=written.kinds) for _, written in grams]
    weights = [np.log(r) - np.log(np.maximum(frequency, 1)) for frequency in frequencies]
    lengths = np.bincount(grams[cider.BIGRAMS][1].doc, grams[cider.BIGRAMS][1].count, r)
    scores = np.zeros(c)
    for first in range(0, c, CHUNK):
        rows = min(CHUNK, c - first)
        total = np.zeros((rows, r))
        for (said, written), weight in zip(grams, weights, strict=True):
            part = _rows(said, first, rows)
            norm = np.outer(cider.norms(part, weight, rows), cider.norms(written, weight, r))
            dot = _dot(part, written, weight, rows, r)
            total += np.divide(dot, norm, out=np.zeros_like(dot), where=norm > 0)
        bigrams = _rows(grams[cider.BIGRAMS][0], first, rows)
        delta = np.bincount(bigrams.doc, bigrams.count, rows)[:, None] - lengths
        total *= np.exp(-(delta**2) / (2 * cider.SIGMA**2))
        scores[first : first + rows] = 10 / ORDERS * total.mean(1)
    return scores


def micro_f1(said: Codes, written: Codes, uncertain: Uncertain) -> Floats:
    """Micro-F1 of each candidate's findings `[C, F]` said of every study `[R, F]`, `[C]`."""
    a = asserted(said, uncertain).astype(np.float64)
    b = asserted(written, uncertain).astype(np.float64)
    return ratio(2 * (a @ b.sum(0)), len(b) * a.sum(1) + b.sum())


def _rows(grams: Grams, first: int, rows: int) -> Grams:
    start, end = np.searchsorted(grams.doc, (first, first + rows))
    return Grams(grams.doc[start:end] - first, grams.gram[start:end], grams.count[start:end], grams.kinds)


def _dot(said: Grams, written: Grams, weight: Floats, rows: int, r: int) -> Floats:
    """Clipped dot products of tf-idf vectors, `[rows, R]`: each n-gram meets the references that have it."""
    by_gram = np.argsort(written.gram, kind="stable")
    starts = np.searchsorted(written.gram[by_gram], np.arange(written.kinds + 1))
    many = (starts[1:] - starts[:-1])[said.gram]
    place: Ints = np.repeat(starts[said.gram] - np.cumsum(many) + many, many) + np.arange(many.sum())
    reference = by_gram[place]
    mine = np.repeat(np.arange(len(said.doc)), many)
    count = written.count[reference]
    product = np.minimum(said.count[mine], count) * count * weight[written.gram[reference]] ** 2
    pair = said.doc[mine] * r + written.doc[reference]
    return np.bincount(pair, product, rows * r).astype(np.float64).reshape(rows, r)
