"""covid-chestxray-dataset: X-rays and notes out of papers and teaching files, most of COVID-19.

SRC      metadata.csv and images/
From     https://github.com/ieee8023/covid-chestxray-dataset
Licence  of each image: column `license` of metadata.csv
Cite     Cohen et al., COVID-19 Image Data Collection, arXiv:2006.11988
Labels   from `finding`: `COVID-19` where it is named; `Pneumonia` where the word is named, as it is for all
         pneumonias in the newer naming (`Pneumonia/Viral/COVID-19`); all 14 findings 0 for `No Finding`.
         Nothing is said about the others.
Text     `clinical_notes` stands under findings, as written: it mixes history with what is seen.
Parts    By a hash of the patient. The collection takes some images in twice, under two patients: leave
         them out with `--drop-leaks`.

Only X-rays are taken: not CT. A study is one image: the collection does not say which were taken together.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from radscribe.data.sources.files import ImageFiles, require, rows
from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.splits import Parts
from radscribe.data.study import ImageRef, Study
from radscribe.errors import DataError
from radscribe.imaging.radiograph import View
from radscribe.labels import CHESTXRAY14
from radscribe.text.report import Report

ORIGIN = "https://github.com/ieee8023/covid-chestxray-dataset"
VIEWS: dict[str, View] = {
    "PA": "PA",
    "AP": "AP",
    "AP Supine": "AP",
    "AP semi erect": "AP",
    "AP Erect": "AP",
    "L": "lateral",
}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No settings."""


def collect(job: Job, settings: Settings) -> Collection:
    """The X-rays of `metadata.csv`."""
    table = require(job.src, "metadata.csv", origin=ORIGIN)
    notes: list[str] = []
    return Collection(
        "covid-chestxray-dataset",
        job.src,
        _studies(table, ImageFiles(job.src, ("images", ".")), job.parts, notes),
        "by image: see the column license of metadata.csv",
        "Cohen et al., arXiv:2006.11988",
        notes=notes,
    )


def _studies(table: Path, files: ImageFiles, parts: Parts, notes: list[str]) -> Iterator[Study]:
    seen: set[str] = set()
    twice = others = 0
    for row in rows(table, ("view", "finding", "clinical_notes")):
        image = row.get("filename") or row.get("image", "")
        patient = row.get("patientid") or row.get("patient_id", "")
        if not image or not patient:
            raise DataError(
                "a row has no image (filename) or no patient (patientid)",
                subject=table,
                remedy=f"get it again from {ORIGIN}",
            )
        if row.get("modality", "X-ray") != "X-ray":
            others += 1
            continue
        if image in seen:
            twice += 1
            continue
        seen.add(image)
        yield Study(
            image,
            (ImageRef(files.path(image), VIEWS.get(row["view"], "unknown")),),
            patient,
            Report(findings=row["clinical_notes"].strip()) if row["clinical_notes"].strip() else None,
            _labels(row["finding"]),
            parts.of(patient),
        )
    if others:
        notes.append(f"{others} rows are no X-rays and were left out")
    if twice:
        notes.append(f"{twice} rows name an image that an earlier row has: the first one was taken")


def _labels(finding: str) -> dict[str, float | None]:
    if finding == "No Finding":
        return dict.fromkeys(CHESTXRAY14, 0.0)
    return {name: 1.0 for name in ("COVID-19", "Pneumonia") if name.lower() in finding.lower()}


SOURCE = Source(__doc__, Settings, collect)
