"""Labels of Indiana University studies, from the experts' MeSH tags and from the reports.

Two coders gave each report its `major` tags after reading findings and impression (Demner-Fushman et al.,
JAMIA 2016): a heading of MeSH or RadLex, then qualifiers for place and kind, `Opacity/lung/base/left`. A
heading represents what the report asserts or suspects, and the coders left things out. So tags and report are
compared: if both name a finding it is present, if neither does it is absent, if they differ it is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from radscribe.labels import CHESTXRAY14
from radscribe.text.details import label_details
from radscribe.text.findings import label
from radscribe.text.report import Report

# Finding to headings, matched whole or up to a qualifier; `…` lets other qualifiers stand between.
HEADINGS: dict[str, tuple[str, ...]] = {
    "Atelectasis": ("Pulmonary Atelectasis", "Volume Loss"),
    "Cardiomegaly": ("Cardiomegaly", "Cardiac Shadow/…enlarged", "Cardiac Shadow/…borderline"),
    "Effusion": (
        "Pleural Effusion",
        "Costophrenic Angle/…blunted",
        "Sulcus/…blunted",
        "Pleura/…blunted",
        "Hydropneumothorax",
        "Hemothorax",
        "Hemopneumothorax",
    ),
    "Infiltration": ("Infiltrate",),
    "Mass": ("Mass",),
    "Nodule": ("Nodule", "Opacity/…round", "Density/…round", "Infiltrate/…round"),
    "Pneumonia": ("Pneumonia", "Bronchopneumonia"),
    "Pneumothorax": ("Pneumothorax", "Hydropneumothorax", "Hemopneumothorax"),
    "Consolidation": ("Consolidation", "Airspace Disease"),
    "Edema": ("Pulmonary Edema", "Pulmonary Congestion", "Heart Failure"),
    "Emphysema": (
        "Emphysema",
        "Pulmonary Emphysema",
        "Bullous Emphysema",
        "Pulmonary Disease, Chronic Obstructive",
        "Lung/…hyperdistention",
        "Lung, Hyperlucent",
        "Diaphragm/…flattened",
        "Blister",
    ),
    "Fibrosis": (
        "Cicatrix",
        "Pulmonary Fibrosis",
        "Fibrosis",
        "Lung Diseases, Interstitial",
        "Markings/…interstitial/…chronic",
        "Opacity/…interstitial/…chronic",
    ),
    "Pleural_Thickening": ("Thickening/…pleura", "Cicatrix/…pleura"),
    "Hernia": ("Hernia, Hiatal", "Hernia, Diaphragmatic"),
    "Support_Devices": (
        "Catheters, Indwelling",
        "Implanted Medical Device",
        "Medical Device",
        "Tube, Inserted",
        "Stents",
        "Surgical Instruments",
        "Sutures",
        "Spinal Fusion",
    ),
    "Fracture": (
        "Fractures, Bone",
        "Deformity/…ribs",
        "Deformity/…clavicle",
        "Deformity/…thoracic vertebrae",
        "Deformity/…lumbar vertebrae",
        "Deformity/…spine",
        "Deformity/…sternum",
        "Deformity/…humerus",
        "Deformity/…shoulder",
    ),
    "Granuloma_or_Calcification": (
        "Calcified Granuloma",
        "Granuloma",
        "Granulomatous Disease",
        "Calcinosis",
        "Atherosclerosis",
    ),
    "Scoliosis_or_Degenerative": (
        "Scoliosis",
        "Kyphosis",
        "Spondylosis",
        "Osteophyte",
        "Arthritis",
        "Hyperostosis, Diffuse Idiopathic Skeletal",
        "Spine/…degenerative",
        "Thoracic Vertebrae/…degenerative",
        "Lumbar Vertebrae/…degenerative",
        "Cervical Vertebrae/…degenerative",
        "Shoulder/…degenerative",
        "Bone and Bones/…degenerative",
    ),
    "Opacity": ("Opacity", "Density"),
    "Normal": ("normal",),
}
# Finer findings, which the labeller knows beside its labels.
FURTHER: dict[str, tuple[str, ...]] = {
    "Scar": ("Cicatrix",),
    "Hyperinflation": ("Lung/…hyperdistention", "Lung, Hyperlucent", "Diaphragm/…flattened"),
}
NOT_READ = "No Indexing"  # the coders gave no headings to these studies


def _pattern(headings: tuple[str, ...]) -> re.Pattern[str]:
    spelled = (re.escape(heading).replace("…", "(?:[^/]+/)*") for heading in headings)
    return re.compile(rf"(?:{'|'.join(spelled)})(?:/|$)", re.I)


_PATTERNS = {finding: _pattern(headings) for finding, headings in (HEADINGS | FURTHER).items()}


def tagged(tags: Iterable[str]) -> set[str]:
    """The findings that a study's tags name."""
    headings = [tag.strip() for tag in tags]
    return {finding for finding, pattern in _PATTERNS.items() if any(pattern.match(h) for h in headings)}


def mesh_labels(tags: Iterable[str]) -> dict[str, float | None]:
    """Labels from only the tags: 1 if tagged; all 14 findings 0 if tagged normal; else no key."""
    found = tagged(tags)
    if "Normal" in found:
        return dict.fromkeys(CHESTXRAY14, 0.0)
    return {finding: 1.0 for finding in CHESTXRAY14 if finding in found}


def labels(tags: Iterable[str], report: Report) -> dict[str, float | None]:
    """Labels by tags and report together.

    Parameters
    ----------
    tags : iterable of str
        The study's MeSH tags.
    report : Report
        Its findings and impression are read. Findings that it does not mention count as absent.

    Returns
    -------
    dict
        1.0 if tags and report name the finding, 0.0 if neither does, None if they differ or the report is
        unsure. A study without tags is labelled by its report, one without a text by its tags.
    """
    tags = [tag.strip() for tag in tags if tag.strip()]
    by_tags = None if not tags or NOT_READ.lower() in {tag.lower() for tag in tags} else tagged(tags)
    text = "\n\n".join(filter(None, (report.findings, report.impression)))
    by_text = said(text) if text else None
    found: dict[str, float | None] = {}
    for finding in HEADINGS | FURTHER:
        opinions: set[float | None] = set()
        if by_tags is not None:
            opinions.add(float(finding in by_tags))
        if by_text is not None:
            opinions.add(by_text.get(finding, 0.0))
        if opinions:
            found[finding] = opinions.pop() if len(opinions) == 1 else None
    return found


def said(text: str) -> dict[str, float | None]:
    """Read each finding from a report: 1.0 present, 0.0 absent, None uncertain."""
    value: dict[str, float | None] = {"present": 1.0, "absent": 0.0, "uncertain": None}
    finer = {finding: status for finding, status in label_details(text).items() if finding in FURTHER}
    return {finding: value[status] for finding, status in (label(text) | finer).items()}
