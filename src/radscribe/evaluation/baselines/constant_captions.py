"""Constant captions: the training report that, given to every study, scores best on validation data.

There is one for each kind of score, because a different sentence is best for each. All candidates are scored
at once, by `each_for_all` of the metrics.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np

from radscribe.evaluation.findings.assertions import Codes, Uncertain, asserted
from radscribe.evaluation.metrics.base import Corpus, Floats, ratio
from radscribe.evaluation.tokenisation.named import Tokens

CANDIDATES = 2000
MOST_REFERENCES = 500  # of validation, that candidates are compared with


def candidates(texts: Sequence[str], most: int = CANDIDATES, seed: int = 0) -> list[str]:
    """Return different training reports: the most frequent half of `most`, and others at random."""
    count = Counter(texts)
    names = [name for name, _ in count.most_common()]
    if len(names) <= most:
        return names
    often, rest = names[: most // 2], names[most // 2 :]
    return often + random.Random(seed).sample(rest, most - len(often))


def sample(texts: Sequence[str], seed: int = 0) -> list[str]:
    """Return the validation references on which constants are chosen."""
    texts = list(texts)
    return texts if len(texts) <= MOST_REFERENCES else random.Random(seed).sample(texts, MOST_REFERENCES)


def pairing(proposed: Sequence[Tokens], references: Sequence[Tokens]) -> Corpus:
    """Return a corpus of C candidates and R references, which share the ids of n-grams."""
    return _Pairing(list(proposed), [[words] for words in references])


class _Pairing(Corpus):
    """A corpus whose captions and references do not belong together."""

    def __post_init__(self) -> None:
        """Nothing to check: they need not be as many."""


def micro_f1(said: Codes, written: Codes, uncertain: Uncertain) -> Floats:
    """Return the micro-F1 of each candidate's findings `[C, F]`, given to every study `[R, F]`, `[C]`."""
    a = asserted(said, uncertain).astype(np.float64)
    b = asserted(written, uncertain).astype(np.float64)
    return ratio(2 * (a @ b.sum(0)), len(b) * a.sum(1) + b.sum())
