"""The figures that a change of precision must not spoil: of the encoder, and of captions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from radscribe.evaluation.findings.agreement import agreement
from radscribe.evaluation.findings.label_scores import FEWEST
from radscribe.evaluation.findings.ranking import auroc
from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.metrics.cider import per_study
from radscribe.evaluation.tokenisation.named import TOKENIZATIONS
from radscribe.export.captioned_part import CaptionedPart
from radscribe.text.report import Target

AUROC, FINDING_F1, CIDER_D = "auroc", "finding_f1", "cider_d"
TITLES: Mapping[str, str] = {AUROC: "AUROC", FINDING_F1: "finding F1", CIDER_D: "CIDEr-D"}


def figures(part: CaptionedPart, target: Target) -> dict[str, float]:
    """Those of the figures that the part can tell.

    `auroc` is the mean over findings with at least `FEWEST` positives, `finding_f1` micro-averaged over the
    findings that captions assert, and `cider_d` that of captions beside the reports' `target` section.
    """
    found: dict[str, float] = {}
    probabilities = np.array([[c.findings[f] for f in part.findings] for c in part.captions])
    areas = [
        auroc(probabilities[:, f], part.true[:, f])
        for f in range(len(part.findings))
        if np.nansum(part.true[:, f]) >= FEWEST and (part.true[:, f] == 0).any()
    ]
    if areas:
        found[AUROC] = float(np.mean(areas))
    if (part.true == 1).any():
        known = ~np.isnan(part.true)
        found[FINDING_F1] = agreement(part.said & known, part.true == 1).f1
    words = TOKENIZATIONS["plain"].tokens
    pairs = [
        (words(caption.text or ""), [words(reference)])
        for study, caption in zip(part.studies, part.captions, strict=True)
        if (reference := study.text(target))
    ]
    if pairs:
        captions, references = zip(*pairs, strict=True)
        found[CIDER_D] = float(per_study(Corpus(captions, references), clipped=True).mean())
    return found
