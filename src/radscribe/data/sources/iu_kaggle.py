"""Indiana University chest X-rays as Kaggle has them: a CSV of reports, one of images, and PNG files.

SRC      indiana_reports.csv, indiana_projections.csv, images/images_normalized/*.dcm.png
From     https://www.kaggle.com/datasets/raddar/chest-xrays-indiana-university
Licence  CC BY-NC-ND 4.0
Cite     Demner-Fushman et al., Preparing a collection of radiology examinations for distribution and
         retrieval, JAMIA 23(2), 2016
Labels   From the MeSH column: a coded finding is 1, all 14 are 0 where the study is coded `normal`, and
         nothing is said about the others.
Parts    There is no patient id and no official split: by a hash of the study's `uid`.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from radscribe.data.sources.files import ImageFiles, require, rows
from radscribe.data.sources.iu_labels import labels
from radscribe.data.sources.source import Collection, Job, Source
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


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No settings."""


def collect(job: Job, settings: Settings) -> Collection:
    """The studies of the two CSV files."""
    reports = list(
        rows(
            require(job.src, REPORTS, origin=ORIGIN),
            ("uid", "MeSH", "indication", "comparison", "findings", "impression"),
        )
    )
    projections = require(job.src, PROJECTIONS, origin=ORIGIN)
    files = ImageFiles(job.src, FOLDERS)
    images: dict[str, list[ImageRef]] = {}
    for row in rows(projections, ("uid", "filename", "projection")):
        image = ImageRef(files.path(row["filename"]), VIEWS.get(row["projection"], "unknown"))
        images.setdefault(row["uid"], []).append(image)
    if unknown := images.keys() - {row["uid"] for row in reports}:
        raise DataError(
            f"has images of {len(unknown)} studies that {REPORTS} lacks, as of uid {min(unknown)}",
            subject=projections,
            remedy="download both files again",
        )
    return Collection(
        "Indiana University chest X-rays (Kaggle)",
        job.src,
        _studies(reports, images, job.parts),
        LICENCE,
        CITATION,
        total=len(reports),
    )


def _studies(
    reports: list[dict[str, str]], images: dict[str, list[ImageRef]], parts: Parts
) -> Iterator[Study]:
    for row in reports:
        uid = row["uid"]
        yield Study(
            uid,
            tuple(images.get(uid, ())),
            report=Report(row["indication"], row["comparison"], row["findings"], row["impression"]),
            labels=labels(row["MeSH"].split(";")),
            split=parts.of(uid) if uid in images else None,
        )


SOURCE = Source(__doc__, Settings, collect)
