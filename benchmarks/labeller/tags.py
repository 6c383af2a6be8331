"""What the MeSH headings of the Indiana University reports say, in the labeller's findings.

Each study's `major` headings were given by hand by two coders who read findings and impression
(Demner-Fushman et al., JAMIA 2016): a heading of MeSH or RadLex, then qualifiers for place and kind,
`Opacity/lung/base/left`. A heading stands for what the report asserts *or suspects*.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Finding → headings, matched whole or up to a qualifier; `…` lets other qualifiers stand between.
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
NOT_READ = "No Indexing"  # the coders gave no headings to these studies


def _pattern(headings: tuple[str, ...]) -> re.Pattern[str]:
    spelled = (re.escape(heading).replace("…", "(?:[^/]+/)*") for heading in headings)
    return re.compile(rf"(?:{'|'.join(spelled)})(?:/|$)", re.I)


_PATTERNS = {finding: _pattern(headings) for finding, headings in HEADINGS.items()}


def tagged(headings: Iterable[str]) -> set[str]:
    """The findings that a study's headings name."""
    return {
        finding for finding, pattern in _PATTERNS.items() if any(pattern.match(h.strip()) for h in headings)
    }
