"""The report of a phantom: it states the drawn findings with their places, and denies the others.

With a prior study it says what became of each finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from radscribe.labels import Change
from radscribe.phantom.findings import Finding, Side
from radscribe.phantom.frame import stream

# Phrasings by finding; {side} is "left " or "", {where} "in the left upper lung zone".
ASSERTED: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        "The heart is {extent} enlarged.",
        "There is {extent} cardiomegaly.",
        "The cardiac silhouette is {extent} enlarged.",
    ),
    "Effusion": (
        "There is a {amount} {side}pleural effusion.",
        "A {amount} {side}pleural effusion blunts the costophrenic angle.",
        "{amount} {side}pleural effusion is seen.",
    ),
    "Pneumothorax": (
        "There is a {amount} {side}pneumothorax.",
        "A {amount} {side}pneumothorax is present.",
        "{amount} {side}pneumothorax with a visible pleural line.",
    ),
    "Consolidation": (
        "There is {density}consolidation {where}.",
        "Airspace consolidation, {extent}, is present {where}.",
        "A {density}area of consolidation with air bronchograms is seen {where}.",
    ),
    "Nodule": (
        "There is {a} {size} mm nodule {where}.",
        "{a} {size} mm rounded nodule is seen {where}.",
        "{size} mm nodule {where}.",
    ),
    "Mass": (
        "There is {a} {size} mm mass {where}.",
        "A lobulated mass measuring {size} mm is seen {where}.",
        "{size} mm mass {where}.",
    ),
    "Atelectasis": (
        "There is linear atelectasis {base} with elevation of the hemidiaphragm.",
        "Linear atelectasis is seen {base}, and the hemidiaphragm is elevated.",
        "Bandlike atelectasis {base} raises the hemidiaphragm.",
    ),
    "Hernia": (
        "There is a {amount} hiatal hernia with an air-fluid level.",
        "A {amount} hiatal hernia projects behind the heart.",
        "{amount} retrocardiac hiatal hernia containing an air-fluid level.",
    ),
}
SUMMED_UP: dict[str, str] = {
    "Cardiomegaly": "Cardiomegaly.",
    "Effusion": "{amount} {side}pleural effusion.",
    "Pneumothorax": "{amount} {side}pneumothorax.",
    "Consolidation": "Consolidation {where}.",
    "Nodule": "{size} mm nodule {where}.",
    "Mass": "{size} mm mass {where}.",
    "Atelectasis": "Linear atelectasis {base}.",
    "Hernia": "Hiatal hernia.",
}
# Phrasings by change; {what} is "right pleural effusion", {graded} is "small right pleural effusion".
COMPARED: dict[Change, tuple[str, ...]] = {
    "appeared": (
        "New {graded}.",
        "New {graded} is seen.",
        "The {graded} is new since the prior study.",
    ),
    "resolved": (
        "The {what} has resolved.",
        "The {what} has resolved since the prior study.",
        "Resolution of the {what} since the prior study.",
    ),
    "larger": (
        "The {what} has increased since the prior study.",
        "The {what} is larger than on the prior study.",
        "The {what} has increased in the interval and is now {grade}.",
    ),
    "smaller": (
        "The {what} has decreased since the prior study.",
        "The {what} is smaller than on the prior study.",
        "The {what} has decreased in the interval and is now {grade}.",
    ),
    "unchanged": (
        "Unchanged {graded}.",
        "The {graded} is unchanged.",
        "Stable {graded} compared with the prior study.",
    ),
}
COMPARED_IN_SHORT: dict[Change, str] = {
    "appeared": "New {what}.",
    "resolved": "Resolved {what}.",
    "larger": "Increased {what} since the prior study.",
    "smaller": "Decreased {what} since the prior study.",
    "unchanged": "Unchanged {what}.",
}
NAMED: dict[str, str] = {
    "Cardiomegaly": "cardiomegaly",
    "Effusion": "{side}pleural effusion",
    "Pneumothorax": "{side}pneumothorax",
    "Consolidation": "consolidation {where}",
    "Nodule": "nodule {where}",
    "Mass": "mass {where}",
    "Atelectasis": "linear atelectasis {base}",
    "Hernia": "hiatal hernia",
}
NORMAL_HEART = (
    "The heart is normal in size.",
    "Heart size is within normal limits.",
    "The cardiac silhouette is normal in size.",
)
CLEAR_LUNGS = ("The lungs are clear.", "Lungs are clear bilaterally.", "Both lungs are clear.")
NOTHING = (
    "No acute cardiopulmonary abnormality.",
    "Normal chest radiograph.",
    "No acute cardiopulmonary process.",
)
DENIED: dict[str, str] = {  # how a denial names what is not there
    "Consolidation": "focal consolidation",
    "Nodule": "nodule",
    "Mass": "mass",
    "Atelectasis": "atelectasis",
    "Effusion": "pleural effusion",
    "Pneumothorax": "pneumothorax",
    "Hernia": "hiatal hernia",
}
IN_LUNG = ("Consolidation", "Nodule", "Mass", "Atelectasis")
UNCOUNTED = frozenset({"Cardiomegaly", "Atelectasis", "Consolidation"})
BESIDE_LUNG = frozenset({"Cardiomegaly", "Hernia"})  # with these the lungs are still clear
EXTENTS = ("mildly", "moderately", "severely")
SEVERITIES = ("mild", "moderate", "severe")
AMOUNTS = ("small", "moderate", "large")
DENSITIES = ("faint ", "", "dense ")


def write(
    seed: int,
    findings: Sequence[Finding],
    lateral_alone: bool = False,
    changes: Mapping[tuple[str, Side | None], Change | None] | None = None,
    before: Sequence[Finding] = (),
) -> tuple[str, str]:
    """Sections findings and impression.

    Parameters
    ----------
    findings : sequence of Finding
        Findings that were drawn.
    lateral_alone : bool
        Sides are left out: a single lateral does not show them.
    changes : mapping, optional
        What became of each finding since a prior study, by name and side; None if there is no prior.
    before : sequence of Finding
        The findings of the prior study; those that have resolved are not among `findings`.
    """
    rng = stream(seed, "report" if changes is None else "report with a prior")
    changes = changes or {}
    drawn = {finding.name for finding in findings}
    heart = _pick(rng, NORMAL_HEART)  # drawn in any case, so that a finding does not shift what follows

    def said(finding: Finding) -> str:
        change = changes.get((finding.name, finding.side))
        phrasings = COMPARED[change] if change else ASSERTED[finding.name]
        return _fill(_pick(rng, phrasings), finding, lateral_alone)

    asserted = [said(finding) for finding in findings if finding.name != "Cardiomegaly"]
    enlarged = [said(finding) for finding in findings if finding.name == "Cardiomegaly"]
    gone = [finding for finding in before if changes.get((finding.name, finding.side)) == "resolved"]
    resolved = [said(finding) for finding in gone]
    sentences = [*(enlarged or [heart]), *asserted, *resolved]
    clear = _pick(rng, CLEAR_LUNGS)
    if drawn <= BESIDE_LUNG:
        sentences.append(clear)
    absent = drawn | {finding.name for finding in gone}  # that it has resolved says it already
    denied_lung = [DENIED[name] for name in IN_LUNG if name not in absent]
    if rng.random() < 0.5 and drawn <= BESIDE_LUNG:  # that they are clear says it already
        denied_lung = denied_lung[:1]
    if denied_lung:
        sentences.append(_deny(denied_lung))
    pleura = [DENIED[name] for name in ("Effusion", "Pneumothorax") if name not in absent]
    if pleura:
        sentences.append(_deny(pleura))
    if "Hernia" not in absent and rng.random() < 0.3:
        sentences.append(_deny([DENIED["Hernia"]]))
    summary = [
        _fill(COMPARED_IN_SHORT[change] if change else SUMMED_UP[f.name], f, lateral_alone)
        for f in (*findings, *gone)
        for change in (changes.get((f.name, f.side)),)
    ]
    return " ".join(sentences), " ".join(dict.fromkeys(summary)) or _pick(rng, NOTHING)


def _pick(rng: np.random.Generator, phrasings: Sequence[str]) -> str:
    return phrasings[int(rng.integers(len(phrasings)))]


def _deny(names: Sequence[str]) -> str:
    return f"No {names[0]}." if len(names) == 1 else f"No {', '.join(names[:-1])} or {names[-1]}."


def _fill(phrasing: str, finding: Finding, lateral_alone: bool) -> str:
    grade = min(int(finding.strength * 3), 2)
    extent = EXTENTS[grade] if "cardiomegaly" not in phrasing else SEVERITIES[grade]
    side = "" if lateral_alone or finding.side is None else f"{finding.side} "
    article = "the" if side or finding.zone else "a"
    where, base = f"in {article} {side}{finding.zone} lung zone", f"at {article} {side}lung base"
    what = NAMED[finding.name].format(side=side, where=where, base=base)
    grades = SEVERITIES if finding.name in UNCOUNTED else AMOUNTS
    measure = f"{finding.diameter_mm} mm" if finding.diameter_mm else grades[grade]
    sentence = phrasing.format(
        extent=extent if finding.name == "Cardiomegaly" else ("mild", "moderate", "marked")[grade],
        amount=AMOUNTS[grade],
        density=DENSITIES[grade],
        side=side,
        where=where,
        base=base,
        size=finding.diameter_mm,
        a="an" if finding.diameter_mm in (11, 18) else "a",
        what=what,
        graded=f"{measure} {what}",
        grade=grades[grade],
    )
    return sentence[0].upper() + sentence[1:]
