"""The X-rays of covid-chestxray-dataset: images and notes from papers and teaching files, mostly COVID-19.

SRC      metadata.csv and images/; brixia/labels.csv or public-annotations.csv, if the Brixia scores are there
From     https://github.com/ieee8023/covid-chestxray-dataset
         https://github.com/BrixIA/Brixia-score-COVID-19 (scores)
Licence  per image: column `license` of metadata.csv; scores: CC BY-NC-SA 4.0
Cite     Cohen et al., COVID-19 Image Data Collection, arXiv:2006.11988
         Signoroni et al., Medical Image Analysis 71, 2021 (scores)
Labels   From `finding`: `COVID-19` if it is named; `Pneumonia` if the word is named, as it is for all
         pneumonias in the newer naming (`Pneumonia/Viral/COVID-19`); all 14 findings are 0 for `No Finding`.
         From the scores: `Opacity` is 1 if a zone has one, else 0. Nothing is said about other findings.
Zones    Six per image, 0 to 3, by the senior radiologist (`--set rater=junior` takes the other one).
Text     `clinical_notes` becomes the findings section, as written: it mixes history with what is seen.
Parts    By a hash of the patient. The collection has some images twice, under two patients: `--drop-leaks`
         takes them out.

CT is left out. Each image is a study: the collection does not say which were taken together.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from radscribe.data.image_files import ImageFiles, image_files, image_key
from radscribe.data.sources.files import numbered_rows, require, rows
from radscribe.data.sources.source import Collection, ImageSettings, Job, Source
from radscribe.data.splits import Parts
from radscribe.data.study import ZONES, ImageRef, Study
from radscribe.errors import DataError
from radscribe.imaging.radiograph import View
from radscribe.labels import CHESTXRAY14
from radscribe.text.report import Report

Zones = dict[str, float]
SCORES = ("brixia/labels.csv", "brixia/public-annotations.csv", "public-annotations.csv")
ORIGIN = "https://github.com/ieee8023/covid-chestxray-dataset"
VIEWS: dict[str, View] = {
    "PA": "PA",
    "AP": "AP",
    "AP Supine": "AP",
    "AP semi erect": "AP",
    "AP Erect": "AP",
    "L": "lateral",
}


class Settings(ImageSettings, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    rater: Annotated[
        Literal["senior", "junior"], msgspec.Meta(description="Radiologist whose Brixia scores count.")
    ] = "senior"


def collect(job: Job, settings: Settings) -> Collection:
    """Read the X-rays of `metadata.csv`."""
    table = require(job.src, "metadata.csv", origin=ORIGIN)
    files = image_files(job.src, ("images", "brixia/images", "."), settings.images)
    places = [job.src / name for name in SCORES if (job.src / name).is_file()]
    scores = _scores(places[0], settings.rater) if places else {}
    notes: list[str] = []
    return Collection(
        "covid-chestxray-dataset",
        files.root,
        _studies(table, files, job.parts, scores, notes),
        "per image: see the column license of metadata.csv",
        "Cohen et al., arXiv:2006.11988",
        notes=notes,
    )


def _studies(
    table: Path, files: ImageFiles, parts: Parts, scores: dict[str, tuple[str, Zones]], notes: list[str]
) -> Iterator[Study]:
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
        _, zones = scores.pop(image_key(image), ("", {}))
        yield Study(
            image,
            (ImageRef(files.path(image), VIEWS.get(row["view"], "unknown"), zones=zones),),
            patient,
            Report(findings=row["clinical_notes"].strip()) if row["clinical_notes"].strip() else None,
            _labels(row["finding"]) | _opacity(zones),
            parts.of(patient),
        )
    for key, (image, zones) in scores.items():
        if (path := files.find(image)) is not None:  # images that metadata.csv does not list
            found = ImageRef(path, "frontal", zones=zones)
            yield Study(f"brixia-{key}", (found,), labels=_opacity(zones), split=parts.of(f"brixia-{key}"))
    if others:
        notes.append(f"{others} rows are not X-rays and were left out")
    if twice:
        notes.append(f"{twice} rows name an image that an earlier row has; the first row counts")


def _labels(finding: str) -> dict[str, float | None]:
    if finding == "No Finding":
        return dict.fromkeys(CHESTXRAY14, 0.0)
    return {name: 1.0 for name in ("COVID-19", "Pneumonia") if name.lower() in finding.lower()}


def _opacity(zones: Zones) -> dict[str, float | None]:
    return {"Opacity": float(any(zones.values()))} if zones else {}


def _scores(path: Path, rater: str) -> dict[str, tuple[str, Zones]]:
    """The file and the zone scores of each image, by its key."""
    columns = [f"{rater[0].upper()}-{letter}" for letter in "ABCDEF"]
    scores: dict[str, tuple[str, Zones]] = {}
    for line, row in numbered_rows(path, columns):
        listed = row.get("project_file") or row.get("brixia_file") or row.get("filename", "")
        image = listed.rpartition("/")[2]
        try:
            zones = {zone: float(row[column]) for zone, column in zip(ZONES, columns, strict=True)}
        except ValueError:
            raise DataError(
                f"line {line}: a zone has no score", subject=path, remedy=f"get it again from {ORIGIN}"
            ) from None
        scores.setdefault(image_key(image), (image, zones))  # two rows may be of one image
    return scores


SOURCE = Source(__doc__, Settings, collect)
