"""Figures of freely decoded captions of the validation part, by the metrics of `radscribe evaluate`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from radscribe.evaluation.findings import assertions
from radscribe.evaluation.findings.assertions import Labelled
from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.metrics.cider import CIDER_D
from radscribe.evaluation.tokenisation.named import TOKENIZATIONS
from radscribe.training.config import Reward


class Said(NamedTuple):
    """What a decoder said of a study, and what it should have."""

    id: str
    caption: str
    reference: str


def caption_scores(said: Sequence[Said], weights: Reward) -> dict[str, float]:
    """`val_score`, the mix that checkpoints are chosen by, and its parts.

    `val_cider_d`; `val_finding_f1` and `val_finding_macro_f1` of asserted findings; `val_distinct` captions;
    `val_most_frequent`, the share of the one said most often.
    """
    captions, references = [one.caption for one in said], [one.reference for one in said]
    tokens = TOKENIZATIONS["plain"].all
    corpus = Corpus(tokens(captions), [[words] for words in tokens(references)])
    cider_d = float(CIDER_D.value(CIDER_D.statistics(corpus).sum(0))[0])
    labelled = Labelled()
    codes, true = labelled.codes(captions), labelled.codes(references)
    kept = np.asarray(assertions.asserted(true, "absent").any(0))
    found = assertions.value(assertions.statistics(codes, true, "absent").sum(0)[None], kept)
    micro_f1 = float(found["micro_f1"][0])
    count = Counter(captions)
    return {
        "val_score": weights.cider_weight * cider_d + weights.finding_weight * micro_f1,
        "val_cider_d": cider_d,
        "val_finding_f1": micro_f1,
        "val_finding_macro_f1": float(found["macro_f1"][0]),
        "val_distinct": float(len(count)),
        "val_most_frequent": max(count.values()) / len(said),
    }
