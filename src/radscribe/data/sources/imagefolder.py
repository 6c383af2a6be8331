"""Images with a `metadata.jsonl` (or `metadata.csv`) in Hugging Face's imagefolder layout.

SRC      a folder with metadata.jsonl, or one such folder per part (train, validation, test)
From     `radscribe prepare ... --also imagefolder`, or a dataset of the Hugging Face hub
Licence  the dataset's own: give it with `--set licence=...`
Labels   the column `labels`, `{"Effusion": 1, ...}`, as radscribe writes it
Parts    official if the folders are called train, validation and test; else by a hash of `patient_id`, or of
         `study_id` if there is no patient. Lines with the same `study_id` are one study.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated

from msgspec import Meta

from radscribe.data import imagefolder
from radscribe.data.image_files import images_folder
from radscribe.data.imagefolder import Row
from radscribe.data.sources.files import without_suffix
from radscribe.data.sources.source import Collection, ImageSettings, Job, Source
from radscribe.data.splits import Parts
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import DataError


class Settings(ImageSettings, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    text: Annotated[str | None, Meta(description="Column of the report, if not findings.")] = None
    licence: Annotated[str, Meta(description="The dataset's licence, for the header.")] = ""
    citation: Annotated[str, Meta(description="The publication to cite, for the header.")] = ""


def collect(job: Job, settings: Settings) -> Collection:
    """Read the metadata files."""
    tables = imagefolder.tables(job.src) if job.src.is_dir() else {}
    if not tables:
        raise DataError(
            "metadata.jsonl is missing, here and in the folders one below",
            subject=job.src,
            remedy="name the folder that load_dataset('imagefolder', data_dir=...) takes",
        )
    return Collection(
        f"imagefolder {job.src.name}",
        images_folder(job.src, settings.images) or job.src,
        _studies(job.src, tables, settings.text, job.parts),
        settings.licence,
        settings.citation,
    )


def _studies(src: Path, tables: dict[Path, Split | None], text: str | None, parts: Parts) -> Iterator[Study]:
    studies: dict[tuple[Path, str], Study] = {}
    for path, part in tables.items():
        for row in imagefolder.rows(path, text):
            given = PurePosixPath(row.file_name)
            if given.is_absolute() or ".." in given.parts:
                raise DataError(
                    f"image {row.file_name} is not below the folder", subject=path, remedy="correct file_name"
                )
            name = str(PurePosixPath(path.parent.relative_to(src).as_posix()) / given)
            study = _study(row, name, part, parts)
            if earlier := studies.get((path, study.id)):
                study = replace(earlier, images=earlier.images + study.images)
            studies[path, study.id] = study
    yield from studies.values()


def _study(row: Row, name: str, part: Split | None, parts: Parts) -> Study:
    study_id = without_suffix(name) if row.study_id is None else str(row.study_id)
    patient = None if row.patient_id in (None, "") else str(row.patient_id)
    return Study(
        study_id,
        (ImageRef(name, row.view),),
        patient,
        imagefolder.report(row),
        row.labels,
        part or parts.of(patient or study_id),
    )


SOURCE = Source(__doc__, Settings, collect)
