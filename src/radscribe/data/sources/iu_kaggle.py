"""Indiana University chest X-rays in Kaggle's layout: a CSV file of reports, one of images, and the images.

SRC      indiana_reports.csv, indiana_projections.csv, images/images_normalized/*.dcm.png
From     https://www.kaggle.com/datasets/raddar/chest-xrays-indiana-university
Licence  CC BY-NC-ND 4.0
Cite     Demner-Fushman et al., Preparing a collection of radiology examinations for distribution and
         retrieval, JAMIA 23(2), 2016
Labels   From the MeSH column and the report together: 1 if both name the finding, 0 if neither does, null if
         they differ or the report is unsure. Besides the 14: Opacity, Granuloma_or_Calcification,
         Support_Devices, Fracture, Scoliosis_or_Degenerative, Hyperinflation, Scar, Normal.
         `--set labels=mesh`: only the MeSH column, 1 if coded; all 14 are 0 in studies coded `normal`.
Parts    There is no patient id and no official split: by a hash of the study's `uid`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from radscribe.data.image_files import ImageFiles, image_files
from radscribe.data.sources.files import Row, require, rows
from radscribe.data.sources.iu_labels import labels, mesh_labels
from radscribe.data.sources.source import Collection, ImageSettings, Job, Source
from radscribe.data.splits import Parts
from radscribe.data.study import ImageRef, Study
from radscribe.errors import DataError
from radscribe.imaging.radiograph import View
from radscribe.text.report import Report

ORIGIN = "https://www.kaggle.com/datasets/raddar/chest-xrays-indiana-university"
LICENCE = "CC BY-NC-ND 4.0"
CITATION = "Demner-Fushman et al., JAMIA 23(2), 2016, doi:10.1093/jamia/ocv080"
FOLDERS = ("images/images_normalized", "images_normalized", "images", ".")
REPORTS, PROJECTIONS = "indiana_reports.csv", "indiana_projections.csv"
VIEWS: dict[str, View] = {"Frontal": "frontal", "Lateral": "lateral"}


class Settings(ImageSettings, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    labels: Annotated[
        Literal["both", "mesh"], Meta(description="both: MeSH tags and report must agree; mesh: only tags")
    ] = "both"


def collect(job: Job, settings: Settings) -> Collection:
    """Read the two CSV files."""
    reports = read_reports(require(job.src, REPORTS, origin=ORIGIN))
    projections = require(job.src, PROJECTIONS, origin=ORIGIN)
    files = image_files(job.src, FOLDERS, settings.images)
    images = read_images(projections, files)
    if unknown := images.keys() - reports.keys():
        raise DataError(
            f"has images of {len(unknown)} studies that {REPORTS} lacks, such as uid {min(unknown)}",
            subject=projections,
            remedy="download both files again",
        )
    return Collection(
        "Indiana University chest X-rays (Kaggle)",
        files.root,
        _studies(reports, images, job.parts, settings),
        LICENCE,
        CITATION,
        total=len(reports),
    )


def read_reports(path: Path) -> dict[str, Row]:
    """The rows of `indiana_reports.csv` by uid."""
    columns = ("uid", "MeSH", "indication", "comparison", "findings", "impression")
    return {row["uid"]: row for row in rows(path, columns)}


def read_images(path: Path, files: ImageFiles) -> dict[str, list[ImageRef]]:
    """The images of `indiana_projections.csv` by uid."""
    images: dict[str, list[ImageRef]] = {}
    for row in rows(path, ("uid", "filename", "projection")):
        image = ImageRef(files.path(row["filename"]), VIEWS.get(row["projection"], "unknown"))
        images.setdefault(row["uid"], []).append(image)
    return images


def report_of(row: Row) -> Report:
    """The sections of a row of `indiana_reports.csv`."""
    return Report(row["indication"], row["comparison"], row["findings"], row["impression"])


def _studies(
    reports: dict[str, Row], images: dict[str, list[ImageRef]], parts: Parts, settings: Settings
) -> Iterator[Study]:
    for uid, row in reports.items():
        report, tags = report_of(row), row["MeSH"].split(";")
        yield Study(
            uid,
            tuple(images.get(uid, ())),
            report=report,
            labels=labels(tags, report) if settings.labels == "both" else mesh_labels(tags),
            split=parts.of(uid) if uid in images else None,
        )


SOURCE = Source(__doc__, Settings, collect)
