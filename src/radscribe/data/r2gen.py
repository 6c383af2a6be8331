"""R2Gen's `annotation.json`: `{"train": [...], "val": [...], "test": [...]}`, one entry per study.

MIMIC-CXR's file has one entry per image.

Chen et al., Generating Radiology Reports via Memory-driven Transformer, EMNLP 2020.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from radscribe.data.manifest import Manifest
from radscribe.data.sources.files import is_missing
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import DataError
from radscribe.files import atomic_write
from radscribe.text.report import Report

FILE = "annotation.json"
PARTS: tuple[Split, ...] = ("train", "val", "test")


class Row(msgspec.Struct):
    """One entry; those of MIMIC-CXR have a `subject_id`."""

    id: str | int
    report: str
    image_path: list[str]
    subject_id: str | int | None = None


def read(path: Path) -> dict[str, list[Row]]:
    """Read the rows of each part.

    Raises
    ------
    DataError
        The file is missing or has another layout.
    """
    try:
        table = msgspec.json.decode(path.read_bytes(), type=dict[str, list[Row]])
    except (OSError, ValueError) as error:
        raise DataError(
            f"is not an annotation.json in R2Gen's layout ({error})",
            subject=path,
            remedy="get it from https://github.com/cuhksz-nlp/R2Gen",
        ) from error
    if unknown := table.keys() - set(PARTS):
        raise DataError(
            f"has a part '{min(unknown)}'", subject=path, remedy="call its parts train, val and test"
        )
    return table


def studies(table: dict[str, list[Row]]) -> Iterator[Study]:
    """Yield the studies of all parts."""
    for part in PARTS:
        for row in table.get(part, ()):
            yield Study(
                str(row.id),
                tuple(ImageRef(path) for path in row.image_path),
                patient_id=None if row.subject_id is None else str(row.subject_id),
                report=None if is_missing(row.report) else Report(findings=row.report),
                split=part if row.image_path else None,
            )


def export(manifest: Manifest, out: Path, section: str = "findings") -> tuple[int, int]:
    """Write `annotation.json`. Its image paths start from the manifest's root.

    Returns
    -------
    tuple of int
        Studies that were written, and studies that were left out: in no part, or without the section.
    """
    left = len(manifest)
    with atomic_write(out / FILE) as file:
        file.write(b"{")
        for place, part in enumerate(PARTS):
            file.write(b", " * (place > 0) + json.dumps(part).encode() + b": [")
            separator = b""
            for study in manifest:
                text = getattr(study.report, section, "")
                if study.split == part and text:
                    row = {
                        "id": study.id,
                        "report": text,
                        "image_path": [image.path for image in study.images],
                        "split": part,
                    }
                    if study.patient_id is not None:
                        row["subject_id"] = study.patient_id
                    file.write(separator + b"\n" + json.dumps(row, ensure_ascii=False).encode())
                    separator = b","
                    left -= 1
            file.write(b"]")
        file.write(b"}\n")
    return len(manifest) - left, left
