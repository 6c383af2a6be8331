"""The report of a phantom: it states the drawn findings with their places, and denies the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radscribe.phantom.findings import Finding
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
BESIDE_LUNG = frozenset({"Cardiomegaly", "Hernia"})  # with these the lungs are still clear
EXTENTS = ("mildly", "moderately", "severely")
AMOUNTS = ("small", "moderate", "large")
DENSITIES = ("faint ", "", "dense ")


def write(seed: int, findings: Sequence[Finding], lateral_alone: bool = False) -> tuple[str, str]:
    """Sections findings and impression.

    Parameters
    ----------
    findings : sequence of Finding
        Findings that were drawn.
    lateral_alone : bool
        Sides are left out: a single lateral does not show them.
    """
    rng = stream(seed, "report")
    drawn = {finding.name for finding in findings}
    heart = _pick(rng, NORMAL_HEART)  # drawn in any case, so that a finding does not shift what follows
    asserted = [
        _fill(_pick(rng, ASSERTED[f.name]), f, lateral_alone) for f in findings if f.name != "Cardiomegaly"
    ]
    enlarged = [
        _fill(_pick(rng, ASSERTED[f.name]), f, lateral_alone) for f in findings if f.name == "Cardiomegaly"
    ]
    sentences = [*(enlarged or [heart]), *asserted]
    clear = _pick(rng, CLEAR_LUNGS)
    if drawn <= BESIDE_LUNG:
        sentences.append(clear)
    denied_lung = [DENIED[name] for name in IN_LUNG if name not in drawn]
    if rng.random() < 0.5 and drawn <= BESIDE_LUNG:  # that they are clear says it already
        denied_lung = denied_lung[:1]
    if denied_lung:
        sentences.append(_deny(denied_lung))
    pleura = [DENIED[name] for name in ("Effusion", "Pneumothorax") if name not in drawn]
    if pleura:
        sentences.append(_deny(pleura))
    if "Hernia" not in drawn and rng.random() < 0.3:
        sentences.append(_deny([DENIED["Hernia"]]))
    summary = [_fill(SUMMED_UP[f.name], f, lateral_alone) for f in findings]
    return " ".join(sentences), " ".join(dict.fromkeys(summary)) or _pick(rng, NOTHING)


def _pick(rng: np.random.Generator, phrasings: Sequence[str]) -> str:
    return phrasings[int(rng.integers(len(phrasings)))]


def _deny(names: Sequence[str]) -> str:
    return f"No {names[0]}." if len(names) == 1 else f"No {', '.join(names[:-1])} or {names[-1]}."


def _fill(phrasing: str, finding: Finding, lateral_alone: bool) -> str:
    grade = min(int(finding.strength * 3), 2)
    extent = EXTENTS[grade] if "cardiomegaly" not in phrasing else ("mild", "moderate", "severe")[grade]
    side = "" if lateral_alone or finding.side is None else f"{finding.side} "
    article = "the" if side or finding.zone else "a"
    sentence = phrasing.format(
        extent=extent if finding.name == "Cardiomegaly" else ("mild", "moderate", "marked")[grade],
        amount=AMOUNTS[grade],
        density=DENSITIES[grade],
        side=side,
        where=f"in {article} {side}{finding.zone} lung zone",
        base=f"at {article} {side}lung base",
        size=finding.diameter_mm,
        a="an" if finding.diameter_mm in (11, 18) else "a",
    )
    return sentence[0].upper() + sentence[1:]
