"""The findings that captions may speak of, measured on validation studies.

A finding is denied only below its *denial point*, a probability: among the validation studies below it,
the finding is at most `ranking.DENIABLE` times as common as among all. The same holds among those with a
report and among those without, which come from different collections. There is no such point, and no denial,
if that could be chance (Fisher's exact test, one-sided, p < `CHANCE`).

A finding is *assessed* if captions see it at all and their denials mean something. The standard, on studies
where it is known whether the finding is there:

- at least `FEWEST` studies have it, and as many do not;
- captions assert it in at least one study that has it (recall above zero), and assertions are right more
  often than the finding is common, by more than chance;
- the share of wrong denials is at most `WRONG_DENIALS` of the finding's prevalence (the negative predictive
  value against prevalence).

Captions do not speak of the other findings, and name them as not assessed.
"""

from __future__ import annotations

from math import comb

import numpy as np

from radscribe.bundle.format import AssessmentSpec
from radscribe.evaluation.findings.binary_scores import FEWEST, Booleans, denial_point
from radscribe.evaluation.metrics.base import Floats
from radscribe.export.captioned_part import CaptionedPart
from radscribe.text.findings import LABELS, label
from radscribe.text.ontology import statements

WRONG_DENIALS = 0.75
CHANCE = 0.05


def denial_points(part: CaptionedPart) -> dict[str, float]:
    """Return the probability of each finding from which on captions must not deny it; 0 if they never may.

    Parameters
    ----------
    part : CaptionedPart
        Studies that nothing was trained on.
    """
    points: dict[str, float] = {}
    reported = np.array([bool(study.text()) for study in part.studies])  # collections differ in that
    for place, name in enumerate(part.findings):
        known = ~np.isnan(part.true[:, place])
        p = np.array([caption.findings[name] for caption in part.captions])[known]
        true = part.true[known, place]
        point = denial_point(p, true, reported[known])
        wrong, below = int(true[p < point].sum()), int((p < point).sum())
        points[name] = point if _chance(wrong, below, int(true.sum()), len(true)) < CHANCE else 0.0
    return points


def assess_findings(part: CaptionedPart) -> dict[str, AssessmentSpec]:
    """Measure every finding that captions can speak of.

    Parameters
    ----------
    part : CaptionedPart
        Studies that nothing was trained on, captioned without regard to any earlier assessment.

    Returns
    -------
    dict of AssessmentSpec
        By finding. A finding of which the part knows nothing is not assessed.
    """
    found: dict[str, AssessmentSpec] = {}
    denials = [denied(caption.text or "") for caption in part.captions]
    for name in (*part.findings, *(n for n in LABELS if n not in part.findings and n != "Normal")):
        if name not in part.findings:
            found[name] = AssessmentSpec(assessed=False)
            continue
        place = part.findings.index(name)
        denies = np.array([name in one for one in denials], dtype=bool)
        found[name] = assess_finding(part.true[:, place], part.said[:, place], denies)
    return found


def assess_finding(true: Floats, asserts: Booleans, denies: Booleans) -> AssessmentSpec:
    """Count assertions and denials of one finding, and compare them with the standard.

    Parameters
    ----------
    true : ndarray, shape (N,)
        1 if the finding is there, 0 if not, NaN if not known.
    asserts, denies : ndarray of bool, shape (N,)
        What the captions say of it.
    """
    known = ~np.isnan(true)
    there = true[known] == 1
    says, rejects = asserts[known], denies[known]
    n, positives = len(there), int(there.sum())
    right, wrong = int((says & there).sum()), int((rejects & there).sum())
    count = {"asserted": int(says.sum()), "denied": int(rejects.sum())}
    prevalence = positives / n if n else 0.0
    enough = min(positives, n - positives) >= FEWEST
    sees = right > 0 and _chance(count["asserted"] - right, count["asserted"], n - positives, n) < CHANCE
    means = wrong <= WRONG_DENIALS * prevalence * count["denied"]
    return AssessmentSpec(
        assessed=enough and sees and means,
        studies=n,
        positives=positives,
        asserted_right=right,
        denied_wrong=wrong,
        **count,
    )


def denied(text: str) -> set[str]:
    """The findings that a text denies and does not assert."""
    labels = label(text)
    said = {name for name, status in labels.items() if status == "absent"}
    for statement in statements(text):
        said |= statement.denies
    return said - {name for name, status in labels.items() if status != "absent"}


def table(assessment: dict[str, AssessmentSpec]) -> str:
    """The figures by finding, as Markdown."""
    rows = [
        "| finding | studies | have it | asserted (right) | denied (wrong) | |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name, one in assessment.items():
        if one.studies:
            rows.append(
                f"| {name.replace('_', ' ')} | {one.studies} | {one.positives} | "
                f"{one.asserted} ({one.asserted_right}) | {one.denied} ({one.denied_wrong}) | "
                f"{'assessed' if one.assessed else 'not assessed'} |"
            )
    unknown = [name.replace("_", " ") for name, one in assessment.items() if not one.studies]
    note = (
        f"\n\nNot assessed, because the data has no labels for them: {', '.join(unknown)}." if unknown else ""
    )
    return "\n".join(rows) + note


def _chance(wrong: int, drawn: int, against: int, n: int) -> float:
    """Probability that `wrong` or fewer of `drawn` studies are among the `against`, drawn blindly."""
    ways = [comb(against, k) * comb(n - against, drawn - k) for k in range(min(wrong, drawn) + 1)]
    return float(sum(ways) / comb(n, drawn))
