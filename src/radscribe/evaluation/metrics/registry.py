"""The registry of metrics, and the scores of a corpus with their signatures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from radscribe._version import __version__
from radscribe.evaluation.metrics.base import Corpus, Floats, Metric
from radscribe.evaluation.tokenisation import Tokenization
from radscribe.registry import Registry

# Entry points of the group `radscribe.metrics` add metrics of other packages.
METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "bleu": "radscribe.evaluation.metrics.bleu:BLEU",
        "rouge_l": "radscribe.evaluation.metrics.rouge:ROUGE_L",
        "cider": "radscribe.evaluation.metrics.cider:CIDER",
        "cider_d": "radscribe.evaluation.metrics.cider:CIDER_D",
        "exact_match": "radscribe.evaluation.metrics.wording:EXACT_MATCH",
        "length_ratio": "radscribe.evaluation.metrics.wording:LENGTH_RATIO",
    },
)
# How people write the names. Others are printed unchanged.
TITLES: Mapping[str, str] = {
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "bleu_3": "BLEU-3",
    "bleu_4": "BLEU-4",
    "bleu_4_add_1": "BLEU-4, smoothed",
    "rouge_l": "ROUGE-L",
    "cider": "CIDEr",
    "cider_d": "CIDEr-D",
    "meteor": "METEOR",
    "exact_match": "exact match",
    "length_ratio": "length ratio",
    "micro_f1": "findings, micro-F1",
    "macro_f1": "findings, macro-F1",
    "normal_agreement": "agreement on normal",
    "abnormal_hit_rate": "abnormal studies with a right finding",
    "laterality_error_rate": "wrong side, of findings with a side",
}

Statistics = list[Floats]  # of each metric of the registry, [N, K]


@cache
def metric_names() -> tuple[str, ...]:
    """Return the names of all scores in the registry."""
    return tuple(name for metric in METRICS.values() for name in metric.names)


def statistics(corpus: Corpus) -> Statistics:
    """Return the numbers of each study, for each metric of the registry."""
    return [metric.statistics(corpus) for metric in METRICS.values()]


def values(found: Statistics, weights: Floats) -> dict[str, Floats]:
    """Return scores by name, `[B]` each.

    Parameters
    ----------
    found : list of ndarray
        What `statistics` returned for N studies.
    weights : ndarray
        `[B, N]`: how often each study counts in each of B samples.
    """
    scores: dict[str, Floats] = {}
    for metric, numbers in zip(METRICS.values(), found, strict=True):
        scored = metric.value(weights @ numbers)
        scores |= {name: scored[:, place] for place, name in enumerate(metric.names)}
    return scores


def score(corpus: Corpus) -> dict[str, float]:
    """Return the scores of a corpus by name.

    >>> corpus = Corpus([("no", "effusion")], [[("no", "effusion")]])
    >>> round(score(corpus)["bleu_2"], 6)
    1.0
    """
    found = values(statistics(corpus), np.ones((1, len(corpus))))
    return {name: float(row[0]) for name, row in found.items()}


def finding_signature(name: str, findings: int, uncertain: str, n: int) -> str:
    """Return the signature of a score of findings; `findings` is how many the labeller knows."""
    labeller = f"labeller:radscribe|findings:{findings}|uncertain:{uncertain}"
    return f"{name}|radscribe:{__version__}|{labeller}|refs:1|n:{n}"


def signature(name: str, tokenization: Tokenization, references: int, n: int, parameters: str = "") -> str:
    """Return what a score depends on, as sacrebleu does (Post, WMT 2018).

    >>> from radscribe.evaluation.tokenisation import TOKENIZATIONS
    >>> signature("bleu_4", TOKENIZATIONS["plain"], 1, 590).replace(__version__, "V")
    'bleu_4|radscribe:V|tok:plain|case:lower|refs:1|n:590|reflen:closest'
    """
    own = parameters or next((m.parameters for m in METRICS.values() if name in m.names), "")
    parts = [name, f"radscribe:{__version__}", tokenization.signature, f"refs:{references}", f"n:{n}"]
    return "|".join([*parts, *([own] if own else [])])
