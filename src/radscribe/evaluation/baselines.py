"""What a system has to beat: captions made without a model, from training data and validation data alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radscribe.evaluation import constants
from radscribe.evaluation.clinical import Labelled, Uncertain
from radscribe.evaluation.tokenization import Tokenization

Vectors = npt.NDArray[np.floating]
CHUNK = 512  # studies whose distances are in memory at once


@dataclass(frozen=True, slots=True)
class Material:
    """What baselines are made of.

    Parameters
    ----------
    train, val : reports of these parts; no other part is looked at.
    n : studies to caption.
    train_features, features : vectors of the training studies `[T, D]` and of those to caption `[N, D]`.
    """

    train: Sequence[str]
    val: Sequence[str]
    n: int
    tokenization: Tokenization
    labelled: Labelled
    uncertain: Uncertain = "absent"
    train_features: Vectors | None = None
    features: Vectors | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Baseline:
    """Captions of a baseline; `caption` where it says the same of every study."""

    name: str
    description: str
    captions: list[str]
    caption: str | None = None


def best_constants(material: Material) -> list[Baseline]:
    """The best constant for BLEU-4, for CIDEr-D and for findings, each chosen on validation references."""
    texts = constants.candidates(material.train, seed=material.seed)
    references = constants.sample(material.val, material.seed)
    words = material.tokenization
    corpus = constants.pairing(words.all(texts), words.all(references))
    codes, true = material.labelled.codes(texts), material.labelled.codes(references)
    chosen = {
        "best_constant": ("BLEU-4", constants.bleu_4(corpus)),
        "best_constant_cider_d": ("CIDEr-D", constants.cider_d(corpus)),
        "best_constant_findings": ("micro-F1", constants.micro_f1(codes, true, material.uncertain)),
    }
    return [
        _same(name, f"one training report for every study, the best on validation by {by}", text, material.n)
        for name, (by, scores) in chosen.items()
        for text in [texts[int(np.argmax(scores))]]
    ]


def most_frequent(material: Material) -> list[Baseline]:
    """The training report that is written most often."""
    count = Counter(" ".join(text.split()) for text in material.train)
    text = count.most_common(1)[0][0]
    return [_same("most_frequent", "the most frequent training report for every study", text, material.n)]


def random_report(material: Material) -> list[Baseline]:
    """A training report drawn for each study."""
    generator = random.Random(material.seed)
    captions = generator.choices(list(material.train), k=material.n)
    return [Baseline("random", f"a random training report for each study (seed {material.seed})", captions)]


def nearest_neighbour(material: Material) -> list[Baseline]:
    """The report of the training study with the nearest features; none where there are no features."""
    if material.features is None or material.train_features is None:
        return []
    nearest = nearest_rows(material.train_features, material.features)
    captions = [material.train[row] for row in nearest]
    return [Baseline("nearest_neighbour", "the report of the training study with nearest features", captions)]


# A baseline is a function here; one that cannot be made of the material gives none.
BASELINES: tuple[Callable[[Material], list[Baseline]], ...] = (
    best_constants,
    most_frequent,
    random_report,
    nearest_neighbour,
)


def make(material: Material) -> list[Baseline]:
    """All baselines that the material allows."""
    return [baseline for function in BASELINES for baseline in function(material)]


def nearest_rows(train: Vectors, wanted: Vectors) -> npt.NDArray[np.int64]:
    """The training row `[N]` nearest to each vector, by Euclid after standardising on training vectors."""
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
