"""Any table with a column of image paths: CSV, TSV, JSON, JSON Lines or Parquet, of reports, labels or both.

SRC      the table, its folder, or the folder of `radscribe batch`;
         a table per part: --set train=FILE --set val=FILE --set test=FILE
Licence  the dataset's own: give it with `--set licence=...`
Labels   `labels=A,B`: columns with 1 present, 0 absent, -1 uncertain (null); an empty cell says nothing.
         `findings=COLUMN`: a column that lists what is present, as `A|B`, `A;B`, `A, B` or `['a', 'b']`, in
         the names of ChestX-ray14, CheXpert, PadChest or VinDr-CXR. A finding of ChestX-ray14 that the list
         does not name is 0 (`unnamed=unknown`: has no label). An unknown name is an error.
Parts    `split=COLUMN` or the files above; else by a hash of `patient=COLUMN`, or of the study if there is no
         patient.

Paths start from each table's folder, or from `images=FOLDER`, in which `{part}` is train, val (valid,
validation) or test. An image is also found under another suffix. Absolute paths stay absolute.

Rows are one study each, unless `study=COLUMN` says which belong together. Patients and studies are also read
from the paths of CheXpert (`patient00001/study1/`), MIMIC-CXR (`p10000032/s50414267/`) and NIH.

In every column, an empty cell, NaN, NA, N/A, None and null are missing values.

ROCO       --set train=radiology/train/captions.txt --set val=radiology/validation/captions.txt
           --set test=radiology/test/captions.txt --set columns=image,text --set quoted=no --set images=images
ROCOv2     --set train=train_captions.csv --set val=valid_captions.csv --set test=test_captions.csv
           --set images={part}
ImageCLEF  --set train=caption_prediction_train.csv --set val=caption_prediction_valid.csv --set images={part}
PadChest   --set findings=Labels --set images=images
VinDr-CXR  --set box=class_name,x_min,y_min,x_max,y_max --set images=train   (one box per row)
CheXpert   --set labels=Cardiomegaly,Edema,Consolidation,Atelectasis,"Pleural Effusion"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from radscribe.data import duplicates
from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.sources.table_reader import Settings, TableReader
from radscribe.data.study import Split, Study
from radscribe.data.tables import is_batch, is_table
from radscribe.errors import DataError, UsageError

__all__ = ["SOURCE"]


def collect(job: Job, settings: Settings) -> Collection:
    """Read the table or tables."""
    folder = job.src.parent if job.src.is_file() else job.src
    tables = _tables(job.src, folder, settings)
    root = _root(folder, [path for path, _ in tables], settings.images)
    notes: list[str] = []
    readers = [TableReader(path, root, part, settings, job) for path, part in tables]
    merge = duplicates.join_boxes if settings.box else duplicates.merge
    return Collection(
        f"table {', '.join(path.name for path, _ in tables)}",
        root,
        _studies(readers, job, merge, notes),
        settings.licence,
        settings.citation,
        notes=notes,
    )


def _tables(src: Path, folder: Path, settings: Settings) -> Sequence[tuple[Path, Split | None]]:
    parts: tuple[tuple[str, Split], ...] = (
        (settings.train, "train"), (settings.val, "val"), (settings.test, "test"),
    )  # fmt: skip
    if named := [(folder / name, part) for name, part in parts if name]:
        return named
    if src.is_file() or is_batch(src):
        return [(src, None)]
    found = sorted(path for path in src.iterdir() if is_table(path)) if src.is_dir() else []
    if len(found) != 1:
        what = ", ".join(path.name for path in found[:5]) or "none"
        raise DataError(
            f"is not a folder with one table (found: {what})", subject=src, remedy="give the table as SRC"
        )
    return [(found[0], None)]


def _root(folder: Path, tables: Sequence[Path], images: str) -> Path:
    """The folder that image paths start from: the tables' own, or the one that `images` names outside."""
    fixed, part, _ = images.partition("{part}")
    if not images or (part and not fixed) or any((table.parent / fixed).is_dir() for table in tables):
        inside = not Path(fixed).is_absolute() or Path(fixed).resolve().is_relative_to(folder.resolve())
        return folder if inside else Path(fixed)
    if not Path(fixed).is_dir():
        raise UsageError(
            f"--set images={images}: there is no such folder",
            remedy=f"name one, or one in {tables[0].parent}",
        )
    return Path(fixed)


def _studies(
    readers: Sequence[TableReader], job: Job, merge: Callable[[Study, Study], Study], notes: list[str]
) -> Iterator[Study]:
    """Rows of one study together; other rows as they come."""
    grouped: dict[str, Study] = {}
    places: dict[str, str] = {}
    differing = 0
    for reader in readers:
        for study in reader.studies():
            earlier = grouped.get(study.id)
            if reader.groups:
                differing += earlier is not None and duplicates.loses_a_report(earlier, study)
                try:
                    grouped[study.id] = merge(earlier, study) if earlier else study
                except DataError as error:
                    raise reader.wrong(error.problem) from None
                continue
            if (
                job.duplicates == "error"
                and (place := places.setdefault(study.id, reader.place)) != reader.place
            ):
                raise reader.wrong(f"study '{study.id}' is also in {place}", duplicates.REMEDY)
            yield study
        notes += reader.notes()
    if differing:
        notes.append(duplicates.lost_reports(differing))
    yield from grouped.values()


SOURCE = Source(__doc__, Settings, collect)
