"""View and orientation from a DICOM header; more reliable elements come first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from radscribe.imaging.radiograph import View

if TYPE_CHECKING:
    from pydicom import Dataset

# View Position (0018,5101): the defined terms of PS3.3 C.8.1.1 (CR), and other terms in use.
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
# Words of Series Description and View Code. Letters stand alone: "_", "/" and "." become spaces first.
WORDS: tuple[tuple[re.Pattern[str], View], ...] = (
    (re.compile(r"\b(lat|lateral|ll|rl|seitlich|seitl|profil)\b"), "lateral"),
    (re.compile(r"\b(p ?a|postero ?anterior)\b"), "PA"),
    (re.compile(r"\b(a ?p|antero ?posterior|portable|supine)\b"), "AP"),
    (re.compile(r"\bfrontal\b"), "frontal"),
)
# Words that leave the view open: several views in one series, or a lateral that is frontal.
OPEN = re.compile(
    r"\b(decubitus|decub|ld|lld|rld|(2|two|3|three) ?(views?|vw|v|planes?|ebenen)|oblique|lordotic)\b"
)


def view_of(dataset: Dataset) -> View:
    """Tell the view from a header.

    View Position, else View Code Sequence, else Patient Orientation, else Series Description. Words that name
    a frontal and a lateral view, or a decubitus, leave it unknown, so that the image decides.
    """
    position = _text(dataset, "ViewPosition").strip().upper()
    if position in VIEW_POSITION:
        return VIEW_POSITION[position]
    return (
        from_words(_view_code(dataset))
        or _from_orientation(dataset)
        or from_words(_text(dataset, "SeriesDescription"))
        or "unknown"
    )


def _text(dataset: Dataset, keyword: str) -> str:
    try:
        return str(dataset.get(keyword) or "")
    except Exception:  # noqa: BLE001  pydicom raises many kinds on damaged values
        return ""


def _view_code(dataset: Dataset) -> str:
    try:
        codes = dataset.get("ViewCodeSequence") or []
        return str(codes[0].get("CodeMeaning") or "") if len(codes) else ""
    except Exception:  # noqa: BLE001  as above
        return ""


def from_words(text: str) -> View | None:
    """Tell the view from free text; None if it names none or several."""
    words = " ".join(re.sub(r"[^0-9a-z]+", " ", text.lower()).split())
    if OPEN.search(words):
        return None
    found = {view for pattern, view in WORDS if pattern.search(words)}
    if "lateral" in found:
        return "lateral" if len(found) == 1 else None
    if {"PA", "AP"} <= found:
        return "frontal"
    return min(found, default=None)  # "AP" and "PA" say more than "frontal"


def _directions(dataset: Dataset) -> tuple[str, str] | None:
    """Where rows and columns point: first letters of Patient Orientation (PS3.3 C.7.6.1.1.1)."""
    try:
        value: Any = dataset.get("PatientOrientation")
    except Exception:  # noqa: BLE001  as above
        return None
    parts = re.split(r"[\\/,]", value) if isinstance(value, str) else [str(part) for part in value or []]
    letters = [part.strip().upper()[:1] for part in parts]
    if len(letters) != 2 or not all(letter in AXES for letter in letters):
        return None
    row, column = letters
    return None if AXES[row] == AXES[column] else (row, column)


AXES = {"L": "x", "R": "x", "A": "y", "P": "y", "H": "z", "F": "z"}


def _from_orientation(dataset: Dataset) -> View | None:
    directions = _directions(dataset)
    if directions is None:
        return None
    axes = {AXES[letter] for letter in directions}
    if axes == {"x", "z"}:
        return "frontal"
    return "lateral" if axes == {"y", "z"} else None


def upright(
    pixels: npt.NDArray[np.float32], dataset: Dataset, steps: list[str], notes: list[str]
) -> npt.NDArray[np.float32]:
    """Turn and mirror an image as Patient Orientation says (PS3.3 C.7.6.1.1.1).

    A frontal image is brought to how it is read: rows point to the patient's left, columns to the feet. Of a
    lateral one only columns are: it is read facing either way.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        The image as stored.
    dataset : pydicom.Dataset
        Its Patient Orientation.
    steps, notes : list of str
        Receives a note for each change.

    Returns
    -------
    ndarray, shape (H, W) or (W, H)
        A view of `pixels`.
    """
    directions = _directions(dataset)
    if directions is None or "z" not in {AXES[letter] for letter in directions}:
        return pixels
    row, column = directions
    if AXES[row] == "z":
        pixels, row, column = pixels.T, column, row
        steps.append("transpose")
    if column == "H":
        pixels = pixels[::-1]
        steps.append("flip")
    if row == "R":
        pixels = pixels[:, ::-1]
        steps.append("mirror")
    done = [step for step in steps if step in ("transpose", "flip", "mirror")]
    if done:
        words = {"transpose": "turned", "flip": "flipped upside down", "mirror": "mirrored left to right"}
        said = " and ".join(words[step] for step in done)
        notes.append(
            f"{said}, because Patient Orientation is {directions[0]}\\{directions[1]}: check the sides"
        )
    return pixels
