"""MeSH tags of the Indiana University collection as ChestX-ray14 findings.

Two experts coded each report (Demner-Fushman et al., JAMIA 2016). A tag is `heading/qualifier/...`; its
heading says the finding, which is then present. `normal` says that all 14 are absent. What an abnormal report
does not mention has no label: the coders' silence is not a denial.
"""

from __future__ import annotations

from collections.abc import Iterable

from radscribe.labels import CHESTXRAY14

FINDINGS: dict[str, str] = {
    "pulmonary atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "pleural effusion": "Effusion",
    "infiltrate": "Infiltration",
    "mass": "Mass",
    "nodule": "Nodule",
    "pneumonia": "Pneumonia",
    "pneumothorax": "Pneumothorax",
    "hydropneumothorax": "Pneumothorax",
    "hemopneumothorax": "Pneumothorax",
    "consolidation": "Consolidation",
    "airspace disease": "Consolidation",
    "pulmonary edema": "Edema",
    "emphysema": "Emphysema",
    "pulmonary emphysema": "Emphysema",
    "bullous emphysema": "Emphysema",
    "pulmonary fibrosis": "Fibrosis",
    "fibrosis": "Fibrosis",
    "hernia, hiatal": "Hernia",
    "hernia, diaphragmatic": "Hernia",
}


def labels(tags: Iterable[str]) -> dict[str, float | None]:
    """Findings of a study by its tags."""
    found: dict[str, float | None] = {}
    for tag in tags:
        heading, _, qualifiers = tag.strip().lower().partition("/")
        if heading == "normal":
            return dict.fromkeys(CHESTXRAY14, 0.0)
        if heading == "thickening" and "pleura" in qualifiers:
            found["Pleural_Thickening"] = 1.0
        elif heading in FINDINGS:
            found[FINDINGS[heading]] = 1.0
    return {finding: found[finding] for finding in CHESTXRAY14 if finding in found}
