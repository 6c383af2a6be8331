"""Baselines: captions made without a model, from only training and validation reports.

A constant caption is the training report that scores best on validation data if every study gets it. There is
one for each kind of score, because a different sentence is best for each. `each_for_all` of the metrics
scores all candidates at once.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radscribe.evaluation.findings.assertions import Codes, Labelled, Uncertain, asserted
from radscribe.evaluation.metrics import bleu, cider
from radscribe.evaluation.metrics.base import Corpus, Floats, ratio
from radscribe.evaluation.records import Task, Vectors
from radscribe.evaluation.tokenisation import Tokens

CHUNK = 512  # studies whose distances are in memory at once
CANDIDATES = 2000  # for constant captions
MOST_REFERENCES = 500  # validation reports that candidates are compared with


@dataclass(frozen=True, slots=True)
class Baseline:
    """Captions of a baseline.

    Parameters
    ----------
    name : str
        Key in `scores.json`.
    description : str
        How the captions were made.
    captions : list of str
        One caption per study.
    caption : str, optional
        The caption, if it is the same for every study.
    """

    name: str
    description: str
    captions: list[str]
    caption: str | None = None


def best_constants(task: Task, labelled: Labelled) -> list[Baseline]:
    """The best constant caption for BLEU-4, for CIDEr-D and for findings, chosen on validation reports."""
    settings = task.settings
    texts = candidates(task.train, seed=settings.seed)
    references = sample(task.val, settings.seed)
    words = settings.tokenization
    corpus = pairing(words.all(texts), words.all(references))
    codes, true = labelled.codes(texts), labelled.codes(references)
    chosen = {
        "best_constant": ("BLEU-4", bleu.each_for_all(corpus)),
        "best_constant_cider_d": ("CIDEr-D", cider.each_for_all(corpus)),
        "best_constant_findings": ("micro-F1", constant_micro_f1(codes, true, settings.uncertain)),
    }
    return [
        _same(name, f"one training report for every study, the best on validation by {by}", text, task.n)
        for name, (by, scores) in chosen.items()
        for text in [texts[int(np.argmax(scores))]]
    ]


def most_frequent(task: Task, labelled: Labelled) -> list[Baseline]:
    """The most frequent training report, for every study."""
    count = Counter(" ".join(text.split()) for text in task.train)
    text = count.most_common(1)[0][0]
    return [_same("most_frequent", "the most frequent training report for every study", text, task.n)]


def random_report(task: Task, labelled: Labelled) -> list[Baseline]:
    """A random training report for each study."""
    seed = task.settings.seed
    captions = random.Random(seed).choices(list(task.train), k=task.n)
    return [Baseline("random", f"a random training report for each study (seed {seed})", captions)]


def nearest_neighbour(task: Task, labelled: Labelled) -> list[Baseline]:
    """The report of the training study with the nearest features, if there are features."""
    if task.features is None or task.train_features is None:
        return []
    nearest = nearest_rows(task.train_features, task.features)
    captions = [task.train[row] for row in nearest]
    description = "the report of the training study with the nearest features"
    return [Baseline("nearest_neighbour", description, captions)]


# A baseline that the task does not allow returns an empty list.
BASELINES: tuple[Callable[[Task, Labelled], list[Baseline]], ...] = (
    best_constants,
    most_frequent,
    random_report,
    nearest_neighbour,
)


def make(task: Task, labelled: Labelled) -> list[Baseline]:
    """Make every baseline that the task allows; none without training and validation reports."""
    if not task.train or not task.val:
        return []
    return [baseline for function in BASELINES for baseline in function(task, labelled)]


def nearest_rows(train: Vectors, wanted: Vectors) -> npt.NDArray[np.int64]:
    """Find the nearest training vector by Euclidean distance, after standardising on training vectors.

    Parameters
    ----------
    train : ndarray
        `[T, D]`.
    wanted : ndarray
        `[N, D]`.

    Returns
    -------
    ndarray
        Row numbers in `train`, `[N]`.
    """
    mean, scale = train.mean(0), train.std(0)
    scale = np.where(scale > 0, scale, 1)
    known, new = (train - mean) / scale, (wanted - mean) / scale
    squares = (known**2).sum(1)
    parts = [
        np.argmin(squares - 2 * new[first : first + CHUNK] @ known.T, axis=1)
        for first in range(0, len(new), CHUNK)
    ]
    return np.concatenate(parts).astype(np.int64)


def _same(name: str, description: str, text: str, n: int) -> Baseline:
    return Baseline(name, description, [text] * n, text)


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
        """Nothing to check: their number may differ."""


def constant_micro_f1(said: Codes, written: Codes, uncertain: Uncertain) -> Floats:
    """Return the micro-F1 of each candidate's findings `[C, F]`, given to every study `[R, F]`, `[C]`."""
    a = asserted(said, uncertain).astype(np.float64)
    b = asserted(written, uncertain).astype(np.float64)
    return ratio(2 * (a @ b.sum(0)), len(b) * a.sum(1) + b.sum())
