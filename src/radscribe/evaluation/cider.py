"""CIDEr and CIDEr-D (Vedantam et al., CVPR 2015): agreement of n-grams, the rare ones weighing more.

`cider_d` clips a caption's counts to the reference's and lets a Gaussian of the difference in length (sigma
6; length is the number of bigrams there) fall on the score; it is what `pycocoevalcap` prints as "CIDEr".
`cider` has neither; it is the paper's equation without stemming, as `pyciderevalcap.cider` computes it, and
repeating words pays there.

Both: orders 1 to 4, document frequencies from the references of all N studies scored, times 10. A reference
that says what all references say weighs nothing. Document frequencies stay fixed in the bootstrap.
"""

from __future__ import annotations

import numpy as np

from radscribe.evaluation.metric import Corpus, Floats, Metric, mean_of
from radscribe.evaluation.ngrams import ORDERS, Grams, look_up

SIGMA = 6.0
BIGRAMS = 1  # order whose number of n-grams is a text's length there


def idf(corpus: Corpus, order: int) -> Floats:
    """Weight of each n-gram: log of the studies over those with it in a reference (1 where in none)."""
    _, written = corpus.grams[order]
    pairs = np.unique(corpus.study[written.doc] * written.kinds + written.gram)
    frequency = np.bincount(pairs % written.kinds, minlength=written.kinds)
    return np.asarray(np.log(len(corpus)) - np.log(np.maximum(frequency, 1)), dtype=np.float64)


def norms(grams: Grams, weight: Floats, docs: int) -> Floats:
    """Length of the tf-idf vector of each text, `[docs]`."""
    return np.sqrt(np.bincount(grams.doc, (grams.count * weight[grams.gram]) ** 2, docs))


def per_study(corpus: Corpus, clipped: bool) -> Floats:
    """The score of each study, `[N]`."""
    n, study = len(corpus), corpus.study
    total = np.zeros(len(study))
    for order in range(ORDERS):
        said, written = corpus.grams[order]
        weight = idf(corpus, order)
        counts = look_up(said.key, said.count, study[written.doc] * said.kinds + written.gram)
        if clipped:
            counts = np.minimum(counts, written.count)
        dot = np.bincount(written.doc, counts * written.count * weight[written.gram] ** 2, len(study))
        length = norms(said, weight, n)[study] * norms(written, weight, len(study))
        total += np.divide(dot, length, out=np.zeros(len(study)), where=length > 0)
    if clipped:
        said, written = corpus.grams[BIGRAMS]
        delta = np.bincount(said.doc, said.count, n)[study] - np.bincount(
            written.doc, written.count, len(study)
        )
        total *= np.exp(-(delta**2) / (2 * SIGMA**2))
    scores: Floats = 10 / ORDERS * np.bincount(study, total, n) / np.bincount(study, minlength=n)
    return scores


CIDER: Metric = mean_of("cider", lambda corpus: per_study(corpus, clipped=False), "df:references")
CIDER_D: Metric = mean_of("cider_d", lambda corpus: per_study(corpus, clipped=True), "df:references|sigma:6")
