"""Hugging Face's `imagefolder` layout: a folder per part, with images and a line each in `metadata.jsonl`.

`datasets.load_dataset("imagefolder", data_dir=DIR)` reads it; https://huggingface.co/docs/datasets/image_dataset.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from radscribe.data.manifest import Manifest
from radscribe.data.study import ImageRef, Split, Study
from radscribe.data.tables import present
from radscribe.errors import DataError
from radscribe.files import atomic_write
from radscribe.imaging.radiograph import View
from radscribe.text.report import Report

FILE = "metadata.jsonl"
FOLDERS: dict[Split, str] = {"train": "train", "val": "validation", "test": "test"}
NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validate": "val",
    "validation": "val",
    "valid": "val",
    "val": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
SECTIONS = ("indication", "comparison", "findings", "impression")


class Row(msgspec.Struct):
    """One image and what radscribe writes about it; only `file_name` is required."""

    file_name: str
    study_id: str | int | None = None
    patient_id: str | int | None = None
    view: View = "unknown"
    indication: str | None = None
    comparison: str | None = None
    findings: str | None = None
    impression: str | None = None
    labels: dict[str, float | None] = {}


def export(manifest: Manifest, out: Path) -> tuple[int, int]:
    """Write the folders of the parts. Images are linked if the disk allows it, otherwise copied.

    Returns
    -------
    tuple of int
        Images that were written, and images that were left out: missing, or in no part.
    """
    written = left = 0
    for part, folder in FOLDERS.items():
        (out / folder).mkdir(parents=True, exist_ok=True)
        with atomic_write(out / folder / FILE) as file:
            for study in manifest:
                if study.split == part:
                    for image in study.images:
                        name = image.path.lstrip("/").replace(":", "")  # an absolute path ends up below, too
                        if not _place(manifest.root / image.path, out / folder / name):
                            left += 1
                            continue
                        row = {"file_name": name, **_row(study, image)}
                        file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
                        written += 1
    left += sum(len(study.images) for study in manifest if study.split is None)
    return written, left


def _row(study: Study, image: ImageRef) -> dict[str, Any]:
    row: dict[str, Any] = {"study_id": study.id, "view": image.view}
    if study.patient_id is not None:
        row["patient_id"] = study.patient_id
    if study.report is not None:
        row |= {section: getattr(study.report, section) for section in SECTIONS}
    if study.labels:
        row["labels"] = study.labels
    return row


def _place(source: Path, target: Path) -> bool:
    if not source.is_file():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
    return True


def tables(folder: Path) -> dict[Path, Split | None]:
    """Find the metadata files of a dataset, with the part that each folder's name means."""
    found: dict[Path, Split | None] = {}
    for place in (folder, *sorted(path for path in folder.iterdir() if path.is_dir())):
        for name in (FILE, "metadata.csv"):
            if (place / name).is_file():
                found[place / name] = NAMES.get(place.name.lower()) if place != folder else None
                break
    return found


def rows(path: Path, text: str | None = None) -> Iterator[Row]:
    """Read the lines of a metadata file.

    Parameters
    ----------
    path : Path
        `metadata.jsonl` or `metadata.csv`.
    text : str, optional
        The column of the report's findings, if it is not called `findings`.

    Raises
    ------
    DataError
        A line has another layout; the error names it.
    """
    done = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            records = (
                csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, filter(str.strip, file))
            )
            for record in records:
                if not isinstance(record, dict):
                    raise ValueError("is not a JSON object")
                if text is not None:
                    record["findings"] = record[text]
                yield msgspec.convert(present(record), Row, strict=False)
                done += 1
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        reason = f"there is no column {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"record {done + 1}: {reason}", subject=path, remedy="give file_name and the text of each image"
        ) from error


def report(row: Row) -> Report | None:
    """Return the report of a line, if it has one."""
    report = Report(row.indication or "", row.comparison or "", row.findings or "", row.impression or "")
    return None if report == Report() else report
