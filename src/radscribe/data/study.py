"""`Study`: the radiographs taken together, with their ids, labels and report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from radscribe.imaging.radiograph import View
from radscribe.text.report import Report, Target

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image file of a study.

    Parameters
    ----------
    path : str
        Path of the file, with ``/`` as separator: relative to the manifest's image root, or absolute.
    view : View
        Projection.
    width, height : int, optional
        Size in pixels, if the file was there when the manifest was written.
    """

    path: str
    view: View = "unknown"
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """One study of a manifest.

    Parameters
    ----------
    id : str
        Unique in its manifest.
    images : tuple of ImageRef
        The radiographs taken together.
    patient_id : str, optional
        None if the source does not identify patients.
    report : Report, optional
        What the radiologist wrote.
    labels : dict
        Finding to 1.0 (present), 0.0 (absent) or None (uncertain). A finding has no key if the source says
        nothing about it.
    split : {"train", "val", "test"}, optional
        The part that the study belongs to. None leaves it out of all parts.
    root : Path, optional
        The folder that relative image paths start from. A `Manifest` sets it. None is the working directory.
    """

    id: str
    images: tuple[ImageRef, ...]
    patient_id: str | None = None
    report: Report | None = None
    labels: dict[str, float | None] = field(default_factory=dict)
    split: Split | None = None
    root: Path | None = field(default=None, compare=False, repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """The image files, with the manifest's root in front of relative paths."""
        root = self.root or Path()
        return tuple(root / image.path for image in self.images)

    def text(self, target: Target = "both") -> str:
        """Return `Report.text` of the report, or an empty string if the study has no report."""
        return "" if self.report is None else self.report.text(target)
