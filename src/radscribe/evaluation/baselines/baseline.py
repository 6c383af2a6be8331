"""Baselines: captions made without a model, from training and validation reports alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radscribe.evaluation.baselines import constant_captions
from radscribe.evaluation.findings.assertions import Labelled
from radscribe.evaluation.metrics import bleu, cider
from radscribe.evaluation.records import Task, Vectors

CHUNK = 512  # studies whose distances are in memory at once


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
    texts = constant_captions.candidates(task.train, seed=settings.seed)
    references = constant_captions.sample(task.val, settings.seed)
    words = settings.tokenization
    corpus = constant_captions.pairing(words.all(texts), words.all(references))
    codes, true = labelled.codes(texts), labelled.codes(references)
    chosen = {
        "best_constant": ("BLEU-4", bleu.each_for_all(corpus)),
        "best_constant_cider_d": ("CIDEr-D", cider.each_for_all(corpus)),
        "best_constant_findings": ("micro-F1", constant_captions.micro_f1(codes, true, settings.uncertain)),
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
