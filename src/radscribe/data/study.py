"""`Study`: the radiographs taken together, with their ids, labels and report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from radscribe.imaging.radiograph import View
from radscribe.text.report import Report, Target

Split = Literal["train", "val", "test"]
ZONES = ("right_upper", "right_middle", "right_lower", "left_upper", "left_middle", "left_lower")
"""The lung zones of the Brixia score, A to F. Right is the patient's right, left in a frontal image."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a finding is in an image, as shares of the image's width and height.

    Parameters
    ----------
    finding : str
        The finding's name.
    x, y : float
        Left and top edge, 0..1 from the image's top left corner.
    width, height : float
        Extent, 0..1.
    """

    finding: str
    x: float
    y: float
    width: float
    height: float


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
    boxes : tuple of Box
        Findings that somebody has outlined. A finding without a box may still be there.
    zones : dict
        Severity of the opacities by lung zone, from 0 (none) to 3, with names from `ZONES`.
    missing : bool
        Whether the manifest was written without this image: there was no file and no features.
    """

    path: str
    view: View = "unknown"
    width: int | None = None
    height: int | None = None
    boxes: tuple[Box, ...] = ()
    zones: dict[str, float] = field(default_factory=dict, hash=False)
    missing: bool = False


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
    prior : str, optional
        Id of an earlier study of the same patient, in the same manifest.
    earlier : Study, optional
        The study that `prior` names. A `Manifest` sets it, without that study's own `earlier`.
    """

    id: str
    images: tuple[ImageRef, ...]
    patient_id: str | None = None
    report: Report | None = None
    labels: dict[str, float | None] = field(default_factory=dict)
    split: Split | None = None
    root: Path | None = field(default=None, compare=False, repr=False)
    prior: str | None = None
    earlier: Study | None = field(default=None, compare=False, repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """The image files that are there, with the manifest's root in front of relative paths.

        If all are missing, their paths are returned, so that reading them says so.
        """
        root = self.root or Path()
        present = [image for image in self.images if not image.missing] or self.images
        return tuple(root / image.path for image in present)

    def without_missing(self) -> Study:
        """The study, and the earlier one, without images that are marked as missing."""
        earlier = self.earlier and self.earlier.without_missing()
        if earlier is self.earlier and not any(image.missing for image in self.images):
            return self
        images = tuple(image for image in self.images if not image.missing)
        return replace(self, images=images, earlier=earlier)

    @property
    def indication(self) -> str:
        """Why the study was asked for, as its report says; empty if that is not known."""
        return "" if self.report is None else self.report.indication

    def text(self, target: Target = "both") -> str:
        """Return `Report.text` of the report, or an empty string if the study has no report."""
        return "" if self.report is None else self.report.text(target)
