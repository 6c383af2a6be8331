"""`Study`: the radiographs taken together, with ids, labels and the report where there is one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from radscribe.imaging.radiograph import View
from radscribe.text.report import Report

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image of a study by path; `path` is relative to the manifest's image root, `/`-separated."""

    path: str
    view: View = "unknown"
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """One study of a manifest.

    `labels` maps a finding to 1.0 (present), 0.0 (absent) or None (uncertain or unknown); a finding that
    the source says nothing about has no key. `patient_id` is None where the source has no patients.
    """

    id: str
    images: tuple[ImageRef, ...]
    patient_id: str | None = None
    report: Report | None = None
    labels: dict[str, float | None] = field(default_factory=dict)
    split: Split | None = None
