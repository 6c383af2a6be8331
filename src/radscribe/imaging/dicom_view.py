"""How the beam went, from a DICOM header: what the technician or the machine wrote, in order of trust."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from radscribe.imaging.radiograph import View

if TYPE_CHECKING:
    from pydicom import Dataset

# View Position (0018,5101): the defined terms of PS3.3 C.8.1.1 (CR) and what is met beside them.
VIEW_POSITION: dict[str, View] = {
    "PA": "PA",
    "AP": "AP",
    "LL": "lateral",
    "RL": "lateral",
    "LLD": "AP",  # left and right lateral decubitus: the patient lies on a side, the beam is frontal
    "RLD": "AP",
    "LATERAL": "lateral",
    "LAT": "lateral",
}
# Patient Orientation (0020,0020): where rows and columns point (PS3.3 C.7.6.1.1.1).
FRONTAL_ROWS = frozenset("LR")
LATERAL_ROWS = frozenset("AP")
# Free text of Series Description and View Code; the first pattern that fits decides.
DESCRIPTIONS: tuple[tuple[re.Pattern[str], View], ...] = (
    (re.compile(r"\b(lat|lateral|ll|rl|seitlich)\b", re.I), "lateral"),
    (re.compile(r"\b(pa|postero-?\s?anterior)\b", re.I), "PA"),
    (re.compile(r"\b(ap|antero-?\s?posterior|portable|supine)\b", re.I), "AP"),
    (re.compile(r"\bfrontal\b", re.I), "frontal"),
)


def view_of(dataset: Dataset) -> View:
    """View Position, else View Code Sequence, else Patient Orientation, else Series Description."""
    position = str(dataset.get("ViewPosition") or "").strip().upper()
    if position in VIEW_POSITION:
        return VIEW_POSITION[position]
    codes = dataset.get("ViewCodeSequence") or []
    return (
        _from_text(str(codes[0].get("CodeMeaning", "")) if len(codes) else "")
        or _from_orientation(dataset)
        or _from_text(re.sub(r"[_/]", " ", str(dataset.get("SeriesDescription") or "")))
        or "unknown"
    )


def _from_orientation(dataset: Dataset) -> View | None:
    orientation = dataset.get("PatientOrientation") or []
    if isinstance(orientation, str) or len(orientation) != 2:
        return None
    row = str(orientation[0]).strip().upper()[:1]
    if row in FRONTAL_ROWS:
        return "frontal"
    return "lateral" if row in LATERAL_ROWS else None


def _from_text(text: str) -> View | None:
    return next((view for pattern, view in DESCRIPTIONS if pattern.search(text)), None)
