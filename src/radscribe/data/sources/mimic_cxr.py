"""MIMIC-CXR-JPG: 377,110 images of 227,835 studies, with the reports of MIMIC-CXR.

SRC      mimic-cxr-2.0.0-split.csv.gz, -metadata.csv.gz, -chexpert.csv.gz (or -negbio.csv.gz), the images as
         files/p10/p10000032/s50414267/*.jpg, and the reports of mimic-cxr-reports.zip, unpacked:
         files/p10/p10000032/s50414267.txt (in SRC or in SRC/mimic-cxr-reports)
From     https://physionet.org/content/mimic-cxr-jpg/ and https://physionet.org/content/mimic-cxr/ (reports),
         after PhysioNet's training and agreement
Licence  PhysioNet Credentialed Health Data License 1.5.0: data and what identifies it may not be passed on
Cite     Johnson et al., MIMIC-CXR-JPG, arXiv:1901.07042; Johnson et al., Scientific Data 6:317, 2019
Labels   CheXpert's, of the report: 1 present, 0 denied, null uncertain (-1), and no key if the report does
         not mention the finding. `Pleural Effusion` becomes `Effusion` and `Lung Opacity` becomes `Opacity`,
         as in radscribe's labeller; other names stay. `No Finding` is left out.
Parts    official: train, validate (`val`) and test, by patient.
Prior    the patient's last study before, by StudyDate and StudyTime of the metadata (shifted, in order)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec

from radscribe.data.image_files import ImageFiles, images_folder
from radscribe.data.sources.files import ReportTexts, numbered_rows, require, rows, text
from radscribe.data.sources.source import Collection, ImageSettings, Job, Source
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import DataError
from radscribe.imaging.radiograph import View
from radscribe.text.report import Report

ORIGIN = "https://physionet.org/content/mimic-cxr-jpg/"
REPORT_ORIGIN = "https://physionet.org/content/mimic-cxr/ (mimic-cxr-reports.zip)"
PARTS: dict[str, Split] = {"train": "train", "validate": "val", "test": "test"}
VIEWS: dict[str, View] = {"PA": "PA", "AP": "AP", "LATERAL": "lateral", "LL": "lateral"}
RENAMED = {"Pleural Effusion": "Effusion", "Lung Opacity": "Opacity"}
VALUES: dict[str, float | None] = {"1.0": 1.0, "0.0": 0.0, "-1.0": None, "1": 1.0, "0": 0.0, "-1": None}
Labels = dict[str, float | None]
Key = tuple[str, str]  # patient and study
Time = tuple[int, float]  # date and time


class Settings(ImageSettings, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    reports: Annotated[bool, msgspec.Meta(description="yes: read the reports; no: labels only")] = True


def collect(job: Job, settings: Settings) -> Collection:
    """Read the three tables and the reports."""
    tables = {
        kind: require(
            job.src, *(f"mimic-cxr-2.0.0-{kind}{end}" for end in (".csv.gz", ".csv")), origin=ORIGIN
        )
        for kind in ("split", "metadata")
    }
    labels = require(
        job.src,
        *(f"mimic-cxr-2.0.0-{kind}{end}" for kind in ("chexpert", "negbio") for end in (".csv.gz", ".csv")),
        origin=ORIGIN,
    )
    root = images_folder(job.src, settings.images)
    if root is None:
        require(job.src, "files", origin=ORIGIN)
    notes: list[str] = []
    images, times = _images(tables["metadata"], ImageFiles(root, deep=True) if root else None)
    return Collection(
        "MIMIC-CXR-JPG 2.0.0",
        root or job.src,
        _studies(
            images,
            _priors(times),
            _splits(tables["split"]),
            _labels(labels),
            _Reports(job.src, settings.reports, notes),
        ),
        "PhysioNet Credentialed Health Data License 1.5.0",
        "Johnson et al., arXiv:1901.07042; Johnson et al., Scientific Data 6:317, 2019",
        total=len(images),
        notes=notes,
    )


class _Reports:
    """The text files of the reports, in any place where people unpack them."""

    def __init__(self, src: Path, wanted: bool, notes: list[str]) -> None:
        self._places = [src / "files", src / "mimic-cxr-reports" / "files", src / "reports" / "files"]
        self._places = [place for place in self._places if place.is_dir()] if wanted else []
        self._src, self._notes, self._missing, self._found = src, notes, 0, False
        self._texts = ReportTexts()

    def read(self, subject: str, study: str) -> Report | None:
        name = f"p{subject[:2]}/p{subject}/s{study}.txt"
        for place in self._places:
            if (place / name).is_file():
                self._found = True
                return self._texts.read(text(place / name))
        self._missing += bool(self._places)
        return None

    def close(self) -> None:
        """Count missing reports; raise `DataError` if there is none at all."""
        if self._missing and not self._found:
            raise DataError(
                "the reports are missing from the download: files/p10/p.../s....txt",
                subject=self._src,
                remedy=f"unpack those of {REPORT_ORIGIN}, or give --set reports=no",
            )
        self._notes += self._texts.notes()
        if self._missing:
            self._notes.append(f"studies without a report file: {self._missing:,}")


def _studies(
    images: dict[Key, list[ImageRef]],
    priors: dict[str, str],
    splits: dict[str, Split],
    labels: dict[str, Labels],
    reports: _Reports,
) -> Iterator[Study]:
    for (subject, study), pictures in images.items():
        report = reports.read(subject, study)
        part, prior = splits.get(study), priors.get(study)
        yield Study(
            f"s{study}",
            tuple(pictures),
            f"p{subject}",
            report,
            labels.get(study, {}),
            part,
            # A table that splits a patient is not the official one: a prior of another part would leak.
            prior=f"s{prior}" if prior is not None and splits.get(prior) == part else None,
        )
    reports.close()


def _images(path: Path, files: ImageFiles | None) -> tuple[dict[Key, list[ImageRef]], dict[Key, Time]]:
    """Images by patient and study, and when each study was made; `files` looks outside the download."""
    images: dict[Key, list[ImageRef]] = {}
    times: dict[Key, Time] = {}
    for row in rows(path, ("dicom_id", "subject_id", "study_id", "ViewPosition", "Rows", "Columns")):
        key = subject, study = row["subject_id"], row["study_id"]
        width, height = _number(row["Columns"]), _number(row["Rows"])
        image = f"files/p{subject[:2]}/p{subject}/s{study}/{row['dicom_id']}.jpg"
        images.setdefault(key, []).append(
            ImageRef(
                files.path(image) if files else image,
                VIEWS.get(row["ViewPosition"], "unknown"),
                width if height else None,
                height if width else None,
            )
        )
        if made := _time(row):
            times[key] = min(made, times.get(key, made))  # a study begins with its first image
    return images, times


def _time(row: dict[str, str]) -> Time | None:
    """StudyDate and StudyTime, such as 21800506 and 213014.531; None if the table does not say."""
    date = row.get("StudyDate", "")
    try:
        return (int(date), float(row.get("StudyTime") or 0)) if len(date) == 8 else None
    except ValueError:
        return None


def _priors(times: dict[Key, Time]) -> dict[str, str]:
    """The patient's last earlier study, by study. Studies of one time are not each other's prior."""
    by_patient: dict[str, list[tuple[Time, str]]] = {}
    for (subject, study), made in times.items():
        by_patient.setdefault(subject, []).append((made, study))
    priors: dict[str, str] = {}
    for studies in by_patient.values():
        studies.sort()
        earlier: str | None = None
        for (before, last), (made, study) in pairwise(studies):
            earlier = last if before < made else earlier
            if earlier is not None:
                priors[study] = earlier
    return priors


def _number(cell: str) -> int | None:
    return int(cell) if cell.isdecimal() and int(cell) else None


def _splits(path: Path) -> dict[str, Split]:
    splits: dict[str, Split] = {}
    for line, row in numbered_rows(path, ("study_id", "split")):
        if row["split"] not in PARTS:
            raise DataError(
                f"line {line}: '{row['split']}' is not a part",
                subject=path,
                remedy=f"get it again from {ORIGIN}",
            )
        splits[row["study_id"]] = PARTS[row["split"]]
    return splits


def _labels(path: Path) -> dict[str, Labels]:
    labels: dict[str, Labels] = {}
    for line, row in numbered_rows(path, ("subject_id", "study_id")):
        study: Labels = {}
        for name, cell in row.items():
            if name in ("subject_id", "study_id", "No Finding") or not cell:
                continue
            if cell not in VALUES:
                raise DataError(
                    f"line {line}: {name} is '{cell}', not 1, 0 or -1",
                    subject=path,
                    remedy=f"get it again from {ORIGIN}",
                )
            study[RENAMED.get(name, name).replace(" ", "_")] = VALUES[cell]
        labels[row["study_id"]] = study
    return labels


SOURCE = Source(__doc__, Settings, collect)
