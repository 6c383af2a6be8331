"""Any table with a column of image paths and one of texts: CSV, TSV, JSON Lines or Parquet.

SRC      the table, or its folder; a table each part: --set train=FILE --set val=FILE --set test=FILE
Licence  the dataset's own: name it with `--set licence=...`
Labels   `labels=A,B`: columns with 1 present, 0 absent, -1 uncertain (null), empty not said.
         `findings=COLUMN`: a column that names what is present, `A|B`; what it does not name of
         ChestX-ray14 is 0.
Parts    `split=COLUMN` or the files above; else by a hash of `patient=COLUMN`, of the study without one.

Paths start from each table's folder, or from `images=FOLDER` in it, where `{part}` is train, val (valid,
validation) or test; a path without a suffix finds its file. Rows with one value of `study=COLUMN` are one
study; without that column each row is one.

ROCO       --set train=radiology/train/captions.txt --set val=radiology/validation/captions.txt
           --set test=radiology/test/captions.txt --set columns=image,text --set quoted=no --set images=images
ROCOv2     --set train=train_captions.csv --set val=valid_captions.csv --set test=test_captions.csv
           --set images={part}
ImageCLEF  --set train=caption_prediction_train.csv --set val=caption_prediction_valid.csv --set images={part}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from radscribe.data.sources.records import is_table
from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.sources.table_reader import Settings, TableReader
from radscribe.data.study import Split, Study
from radscribe.errors import DataError

__all__ = ["SOURCE"]


def collect(job: Job, settings: Settings) -> Collection:
    """The studies of the table or tables."""
    folder = job.src.parent if job.src.is_file() else job.src
    tables = _tables(job.src, folder, settings)
    readers = [TableReader(path, folder, part, settings, job.parts) for path, part in tables]
    return Collection(
        f"table {', '.join(path.name for path, _ in tables)}",
        folder,
        _grouped(readers) if settings.study else (study for reader in readers for study in reader.studies()),
        settings.licence,
        settings.citation,
    )


def _tables(src: Path, folder: Path, settings: Settings) -> Sequence[tuple[Path, Split | None]]:
    parts: tuple[tuple[str, Split], ...] = (
        (settings.train, "train"), (settings.val, "val"), (settings.test, "test"),
    )  # fmt: skip
    if named := [(folder / name, part) for name, part in parts if name]:
        return named
    if src.is_file():
        return [(src, None)]
    found = sorted(path for path in src.iterdir() if is_table(path)) if src.is_dir() else []
    if len(found) != 1:
        what = ", ".join(path.name for path in found[:5]) or "none"
        raise DataError(f"is no folder with one table (found: {what})", subject=src, remedy="name the table")
    return [(found[0], None)]


def _grouped(readers: Sequence[TableReader]) -> Iterator[Study]:
    """Rows of one study together."""
    studies: dict[str, Study] = {}
    for reader in readers:
        for study in reader.studies():
            if earlier := studies.get(study.id):
                if (earlier.split, earlier.patient_id) != (study.split, study.patient_id):
                    raise reader.wrong(
                        f"study '{study.id}' has another patient or part than in an earlier row"
                    )
                more = tuple(image for image in study.images if image not in earlier.images)
                study = replace(earlier, images=earlier.images + more, report=earlier.report or study.report)
            studies[study.id] = study
    yield from studies.values()


SOURCE = Source(__doc__, Settings, collect)
