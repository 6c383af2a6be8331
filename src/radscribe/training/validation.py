"""Figures of freely decoded captions of the validation part, by the metrics of `radscribe evaluate`.

They also tell whether the decoder looks at the images at all (`warnings_of`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from radscribe.evaluation.findings import assertions
from radscribe.evaluation.findings.assertions import Labelled
from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.metrics.cider import CIDER_D
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from radscribe.text.changes import changes
from radscribe.text.details import label_details
from radscribe.text.findings import label
from radscribe.training.config import Reward
from radscribe.training.objectives.reward import ClinicalReward

MOST_FREQUENT = 0.5  # share of the studies with one and the same caption
LEAST_F1 = 0.02  # of asserted findings
LEAST_FALL = 0.2  # of CIDEr-D if images are exchanged, as a share
FEWEST = 20  # studies; with fewer, repeated captions mean nothing


class Captioned(NamedTuple):
    """A validation study with its caption and its report."""

    id: str
    caption: str
    reference: str
    plan: tuple[str, ...] | None = None  # findings of the content plan, if the decoder has one
    has_prior: bool = False  # the decoder read the images of a prior study


def caption_scores(
    studies: Sequence[Captioned], weights: Reward, findings: Sequence[str] = ()
) -> dict[str, float]:
    """Score the captions of the validation part.

    Returns
    -------
    dict
        `val_score`, the mix that checkpoints are chosen by, and its parts: `val_cider_d`, `val_finding_f1`
        and `val_finding_macro_f1` of asserted findings, and `val_clinical_f1` of findings with their sides
        and zones, if the reward weighs them. `val_shuffled_cider_d` is CIDEr-D if each study has
        the caption of another one's images. `val_distinct` is the number of different captions,
        `val_most_frequent` the share of the commonest, `val_plan_f1` the F1 of the captions' findings
        against those of their plans, and `val_changes` the share of the changes since a prior study that
        the captions tell as the reports do.
    """
    captions, references = [one.caption for one in studies], [one.reference for one in studies]
    cider_d = _cider_d(captions, references)
    exchanged = [captions[(place + len(captions) // 2) % len(captions)] for place in range(len(captions))]
    labelled = Labelled()
    codes, true = labelled.codes(captions), labelled.codes(references)
    kept = np.asarray(assertions.asserted(true, "absent").any(0))
    found = assertions.value(assertions.statistics(codes, true, "absent").sum(0)[None], kept)
    micro_f1 = float(found["micro_f1"][0])
    count = Counter(captions)
    figures = {} if studies[0].plan is None else {"val_plan_f1": _plan_f1(studies, findings)}
    if changed := changes_right([(one.caption, one.reference) for one in studies if one.has_prior]):
        figures["val_changes"] = sum(changed) / len(changed)
    score = weights.cider_weight * cider_d + weights.finding_weight * micro_f1
    if weights.clinical_weight:
        figures["val_clinical_f1"] = ClinicalReward().f1(captions, references)
        score += weights.clinical_weight * figures["val_clinical_f1"]
    return {
        "val_score": score,
        "val_cider_d": cider_d,
        "val_shuffled_cider_d": _cider_d(exchanged, references),
        "val_finding_f1": micro_f1,
        "val_finding_macro_f1": float(found["macro_f1"][0]),
        "val_distinct": float(len(count)),
        "val_most_frequent": max(count.values()) / len(studies),
        **figures,
    }


def changes_right(texts: Iterable[tuple[str, str]]) -> list[bool]:
    """Return for each finding whose change a reference tells whether the caption tells the same.

    Parameters
    ----------
    texts : iterable of (str, str)
        Captions with their references.
    """
    return [
        said.get(finding) == change
        for caption, reference in texts
        for said in (changes(caption),)
        for finding, change in changes(reference).items()
    ]


def warnings_of(figures: Mapping[str, float], studies: int) -> list[str]:
    """Return what speaks for a decoder that ignores its images, in sentences; empty if nothing does.

    Parameters
    ----------
    figures : mapping
        Figures of an epoch, by `caption_scores`.
    studies : int
        Studies of the validation part.
    """
    if studies < FEWEST or "val_cider_d" not in figures:
        return []
    found: list[str] = []
    if figures["val_most_frequent"] > MOST_FREQUENT:
        share = figures["val_most_frequent"]
        found.append(f"one and the same caption is written for {share:.0%} of the validation studies")
    if figures["val_finding_f1"] < LEAST_F1:
        found.append(f"the captions' findings have an F1 of {figures['val_finding_f1']:.3f}")
    exchanged, own = figures["val_shuffled_cider_d"], figures["val_cider_d"]
    if own > 0 and exchanged > (1 - LEAST_FALL) * own:
        found.append(
            f"CIDEr-D is {own:.3f}, and still {exchanged:.3f} if the images are exchanged between studies"
        )
    return found


def _cider_d(captions: Sequence[str], references: Sequence[str]) -> float:
    tokens = TOKENIZATIONS["plain"].all
    corpus = Corpus(tokens(captions), [[words] for words in tokens(references)])
    return float(CIDER_D.value(CIDER_D.statistics(corpus).sum(0))[0])


def _plan_f1(studies: Sequence[Captioned], findings: Sequence[str]) -> float:
    """Micro-F1 of what the captions assert against their plans."""
    hits = total = 0
    for one in studies:
        statuses = {**label_details(one.caption), **label(one.caption)}
        said = {finding for finding in findings if statuses.get(finding) == "present"}
        planned = set(one.plan or ())
        hits += len(said & planned)
        total += len(said) + len(planned)
    return 2 * hits / max(total, 1)
