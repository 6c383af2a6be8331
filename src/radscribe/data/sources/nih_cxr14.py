"""NIH ChestX-ray14: 112,120 frontals of 30,805 patients, with 14 findings mined from the reports.

SRC      Data_Entry_2017_v2020.csv (or Data_Entry_2017.csv), train_val_list.txt, test_list.txt,
         images_001/images/*.png ... images_012/images/*.png; BBox_List_2017.csv where it is there
From     https://nihcc.app.box.com/v/ChestXray-NIHCC, or https://www.kaggle.com/datasets/nih-chest-xrays/data
Licence  free use with attribution to the NIH Clinical Center and a link to the download
Cite     Wang et al., ChestX-ray8: Hospital-scale chest X-ray database and benchmarks, CVPR 2017
Labels   1 where `Finding Labels` names the finding, else 0. They were mined from reports by a program; its
         authors estimate that over 90% are right, others that some findings are much worse
         (Oakden-Rayner, Academic Radiology 2020).
Parts    official: test_list.txt is test. train_val_list.txt is parted into train and val by a hash of the
         patient, because there is no official validation part. No patient is in both lists.

The 984 boxes of BBox_List_2017.csv are written to boxes.jsonl: image, finding and box [x, y, width, height]
in pixels of the original 1024 x 1024 image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from radscribe.data.sources.files import ImageFiles, lines, numbered_rows, require
from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.splits import Parts
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import DataError
from radscribe.imaging.radiograph import View
from radscribe.labels import CHESTXRAY14

ORIGIN = "https://nihcc.app.box.com/v/ChestXray-NIHCC"
BOXES = "BBox_List_2017.csv"
VIEWS: dict[str, View] = {"PA": "PA", "AP": "AP"}
COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "View Position")
IN_BOXES = {"Infiltrate": "Infiltration"}  # the one finding that the list of boxes calls otherwise


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No settings."""


def collect(job: Job, settings: Settings) -> Collection:
    """The studies of the table of findings."""
    table = require(job.src, "Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv", origin=ORIGIN)
    lists: dict[str, bool] = {}  # image -> whether it is a test image
    for name, is_test in (("train_val_list.txt", False), ("test_list.txt", True)):
        lists |= dict.fromkeys(lines(require(job.src, name, origin=ORIGIN)), is_test)
    folders = sorted(path.name for path in job.src.glob("images_*") if path.is_dir())
    files = ImageFiles(job.src, [*(f"{folder}/images" for folder in folders), *folders, "images", "."])
    boxes = list(_boxes(job.src / BOXES, files))
    collection = Collection(
        "NIH ChestX-ray14",
        job.src,
        _studies(table, lists, files, job.parts),
        "NIH Clinical Center: free use with attribution",
        "Wang et al., CVPR 2017, doi:10.1109/CVPR.2017.369",
        total=len(lists),
    )
    if boxes:
        collection.extras["boxes.jsonl"] = boxes
    else:
        collection.notes.append(f"no {BOXES}, and so no boxes")
    return collection


def _studies(table: Path, lists: dict[str, bool], files: ImageFiles, parts: Parts) -> Iterator[Study]:
    for line, row in numbered_rows(table, COLUMNS):
        image, patient = row["Image Index"], row["Patient ID"]
        present = set(row["Finding Labels"].split("|")) - {"No Finding"}
        if unknown := present - set(CHESTXRAY14):
            raise DataError(
                f"line {line}: '{min(unknown)}' is no finding of ChestX-ray14",
                subject=table,
                remedy=f"get it again from {ORIGIN}",
            )
        split: Split | None = None
        if image in lists:
            split = "test" if lists[image] else parts.carve(patient)
        yield Study(
            image.removesuffix(".png"),
            (ImageRef(files.path(image), VIEWS.get(row["View Position"], "frontal")),),
            patient,
            labels={finding: float(finding in present) for finding in CHESTXRAY14},
            split=split,
        )


def _boxes(path: Path, files: ImageFiles) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    for line, row in numbered_rows(path, ("Image Index", "Finding Label")):
        # The header says "Bbox [x,y,w,h]": its commas make four columns of it.
        numbers = [value for key, value in row.items() if re.fullmatch(r"Bbox \[x|y|w|h\]", key)]
        try:
            box = [float(value) for value in numbers]
            if len(box) != 4:
                raise ValueError(f"{len(box)} numbers")
        except ValueError as error:
            raise DataError(
                f"line {line}: is no box ({error})", subject=path, remedy=f"get it again from {ORIGIN}"
            ) from error
        finding = IN_BOXES.get(row["Finding Label"], row["Finding Label"])
        yield {"image": files.path(row["Image Index"]), "finding": finding, "box": box}


SOURCE = Source(__doc__, Settings, collect)
