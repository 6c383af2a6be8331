"""CIDEr and CIDEr-D (Vedantam et al., CVPR 2015): overlap of n-grams, weighted by how rare they are.

`cider_d` clips the caption's counts to those of the reference and multiplies by a Gaussian penalty on the
difference in length (sigma 6; the length is the number of bigrams). This is what `pycocoevalcap` prints as
"CIDEr". `cider` does neither: it is the paper's equation without stemming, as in `pyciderevalcap.cider`, and
repeating words raises it.

Both use n-grams of order 1 to 4 and document frequencies from the references of all scored studies; the
result is multiplied by 10. An n-gram that every reference contains has weight 0. Document frequencies stay
fixed in the bootstrap.

There are three ways in: `per_study` scores a corpus, `each_for_all` scores many captions that each stand for
every study, and `CiderD` scores single captions with document frequencies that were counted before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from radscribe.evaluation.metrics.base import ORDERS, Corpus, Floats, Grams, Ints, Metric, look_up, mean_of
from radscribe.evaluation.tokenisation import Tokens

SIGMA = 6.0
SCALE = 10 / ORDERS
BIGRAMS = 1  # index of the order whose number of n-grams is the length of a text
CHUNK = 256  # captions of `each_for_all` that are compared with all references at once
CACHED_REFERENCES = 1 << 15

Vector = dict[Tokens, float]  # weight of each n-gram of one order


def length_penalty(difference: Floats | Ints) -> Floats:
    """Return the Gaussian penalty on a difference in length, in bigrams."""
    return np.exp(-(np.asarray(difference, dtype=np.float64) ** 2) / (2 * SIGMA**2))


def inverse_document_frequency(documents: int, frequency: Ints) -> Floats:
    """Return the weight of n-grams by the number of studies that have them (at least 1)."""
    return np.asarray(np.log(documents) - np.log(np.maximum(frequency, 1)), dtype=np.float64)


def per_study(corpus: Corpus, clipped: bool) -> Floats:
    """Score each study.

    Parameters
    ----------
    corpus : Corpus
        N captions and their references.
    clipped : bool
        True for CIDEr-D, False for CIDEr.

    Returns
    -------
    ndarray
        `[N]`, 0 to 10.
    """
    n, study = len(corpus), corpus.study
    total = np.zeros(len(study))
    for said, written in corpus.grams:
        pairs = np.unique(study[written.doc] * written.kinds + written.gram)
        weight = inverse_document_frequency(n, np.bincount(pairs % written.kinds, minlength=written.kinds))
        counts = look_up(said.key, said.count, study[written.doc] * said.kinds + written.gram)
        if clipped:
            counts = np.minimum(counts, written.count)
        dot = np.bincount(written.doc, counts * written.count * weight[written.gram] ** 2, len(study))
        length = _norms(said, weight, n)[study] * _norms(written, weight, len(study))
        total += np.divide(dot, length, out=np.zeros(len(study)), where=length > 0)
    if clipped:
        said, written = corpus.grams[BIGRAMS]
        caption_lengths = np.bincount(said.doc, said.count, n)[study]
        total *= length_penalty(caption_lengths - np.bincount(written.doc, written.count, len(study)))
    scores: Floats = SCALE * np.bincount(study, total, n) / np.bincount(study, minlength=n)
    return scores


def each_for_all(corpus: Corpus) -> Floats:
    """Return the CIDEr-D of each caption if it were given to every study, `[C]`.

    Parameters
    ----------
    corpus : Corpus
        C captions and R references that do not belong together.
    """
    c, r = len(corpus.captions), len(corpus.references)
    grams = corpus.grams
    weights = [
        inverse_document_frequency(r, np.bincount(written.gram, minlength=written.kinds))
        for _, written in grams
    ]
    lengths = np.bincount(grams[BIGRAMS][1].doc, grams[BIGRAMS][1].count, r)
    scores = np.zeros(c)
    for first in range(0, c, CHUNK):
        rows = min(CHUNK, c - first)
        total = np.zeros((rows, r))
        for (said, written), weight in zip(grams, weights, strict=True):
            part = _rows(said, first, rows)
            norm = np.outer(_norms(part, weight, rows), _norms(written, weight, r))
            dot = _all_pairs(part, written, weight, rows, r)
            total += np.divide(dot, norm, out=np.zeros_like(dot), where=norm > 0)
        bigrams = _rows(grams[BIGRAMS][0], first, rows)
        total *= length_penalty(np.bincount(bigrams.doc, bigrams.count, rows)[:, None] - lengths)
        scores[first : first + rows] = SCALE * total.mean(1)
    return scores


class CiderD:
    """CIDEr-D of single captions, as a reward in training.

    Equal to `per_study` if the document frequencies are those of the scored references.

    Parameters
    ----------
    references : iterable of tuple of str
        The texts in which document frequencies are counted.
    """

    def __init__(self, references: Iterable[Tokens]) -> None:
        frequency: Counter[Tokens] = Counter()
        documents = 0
        for words in references:
            frequency.update({gram for order in range(ORDERS) for gram in _grams(words, order)})
            documents += 1
        weights = inverse_document_frequency(documents, np.array([*frequency.values()], dtype=np.int64))
        self._unseen = math.log(documents)
        self._idf = dict(zip(frequency, weights.tolist(), strict=True))
        self._kept = lru_cache(CACHED_REFERENCES)(self._vectors)

    def score(self, caption: Tokens, reference: Tokens) -> float:
        """Score one caption against one reference, 0 to 10."""
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
        return SCALE * total * math.exp(-(delta**2) / (2 * SIGMA**2))

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


def _norms(grams: Grams, weight: Floats, docs: int) -> Floats:
    """Length of the tf-idf vector of each text, `[docs]`."""
    return np.sqrt(np.bincount(grams.doc, (grams.count * weight[grams.gram]) ** 2, docs))


def _rows(grams: Grams, first: int, rows: int) -> Grams:
    start, end = np.searchsorted(grams.doc, (first, first + rows))
    return Grams(grams.doc[start:end] - first, grams.gram[start:end], grams.count[start:end], grams.kinds)


def _all_pairs(said: Grams, written: Grams, weight: Floats, rows: int, r: int) -> Floats:
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


CIDER: Metric = mean_of("cider", lambda corpus: per_study(corpus, clipped=False), "df:references")
CIDER_D: Metric = mean_of("cider_d", lambda corpus: per_study(corpus, clipped=True), "df:references|sigma:6")
