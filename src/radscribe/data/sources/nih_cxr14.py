"""NIH ChestX-ray14: 112,120 frontals of 30,805 patients, with 14 findings mined from the reports.

SRC      Data_Entry_2017_v2020.csv (or Data_Entry_2017.csv), train_val_list.txt, test_list.txt,
         images_001/images/*.png to images_012/images/*.png; BBox_List_2017.csv if it is there. Tables may be
         gzipped and lie in published/. Images may be in any folder whose name starts with `images`.
From     https://nihcc.app.box.com/v/ChestXray-NIHCC, or https://www.kaggle.com/datasets/nih-chest-xrays/data
Licence  free use with attribution to the NIH Clinical Center and a link to the download
Cite     Wang et al., ChestX-ray8: Hospital-scale chest X-ray database and benchmarks, CVPR 2017
Labels   1 if `Finding Labels` names the finding, else 0. A program mined them from reports; its authors
         estimate that over 90% are right, others that some findings are much worse (Oakden-Rayner, Academic
         Radiology 2020).
Boxes    Those of BBox_List_2017.csv, in the manifest: 984 in 880 images, drawn by radiologists.
Parts    official: test_list.txt is test. train_val_list.txt is split into train and val by a hash of the
         patient, because there is no official validation part. No patient is in both lists. Without the
         lists, give `--set split=patients`: all parts are by a hash of the patient.

If you have only some of the images, `--drop-missing` makes a manifest of those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from radscribe.data.image_files import ImageFiles, image_files
from radscribe.data.sources.files import lines, numbered_rows, require
from radscribe.data.sources.source import Collection, ImageSettings, Job, Source
from radscribe.data.splits import Parts
from radscribe.data.study import Box, ImageRef, Split, Study
from radscribe.errors import DataError
from radscribe.imaging.radiograph import View
from radscribe.labels import CHESTXRAY14

ORIGIN = "https://nihcc.app.box.com/v/ChestXray-NIHCC"
TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
BOXES = "BBox_List_2017.csv"
VIEWS: dict[str, View] = {"PA": "PA", "AP": "AP"}
COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "View Position")
IN_BOXES = {"Infiltrate": "Infiltration"}  # the list of boxes has another name for this finding
SIDE = 1024  # pixels: boxes are in coordinates of the 1024 x 1024 images


class Settings(ImageSettings, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    split: Annotated[
        Literal["official", "patients"], Meta(description="official: by the two lists; patients: by a hash")
    ] = "official"


def collect(job: Job, settings: Settings) -> Collection:
    """Read the table of findings."""
    table = _table(job.src, *TABLES) or require(job.src, *TABLES, origin=ORIGIN)
    lists: dict[str, bool] | None = None  # image to whether it is a test image
    if settings.split == "official":
        lists = {}
        for name, is_test in (("train_val_list.txt", False), ("test_list.txt", True)):
            origin = f"{ORIGIN}, or give --set split=patients"
            lists |= dict.fromkeys(lines(require(job.src, name, origin=origin)), is_test)
    folders = sorted((path.name for path in job.src.glob("images*") if path.is_dir()), key=_preference)
    inner = [f"{folder}/images" for folder in folders]
    files = image_files(job.src, [*inner, *folders, "."], settings.images)
    listed = _table(job.src, BOXES)
    boxes = _boxes(listed) if listed else {}
    collection = Collection(
        "NIH ChestX-ray14",
        files.root,
        _studies(table, lists, files, job.parts, boxes),
        "NIH Clinical Center: free use with attribution",
        "Wang et al., CVPR 2017, doi:10.1109/CVPR.2017.369",
        total=None if lists is None else len(lists),
    )
    if not boxes:
        collection.notes.append(f"there is no {BOXES}, so no image has boxes")
    return collection


def _table(src: Path, *names: str) -> Path | None:
    ends = ("", ".gz")
    places = (src / folder / (name + end) for name in names for folder in ("", "published") for end in ends)
    return next((place for place in places if place.is_file()), None)


def _preference(folder: str) -> tuple[bool, str]:
    """Folders of small copies, such as images64, come last."""
    return re.fullmatch(r"images[1-9]\d*", folder) is not None, folder


def _studies(
    table: Path,
    lists: dict[str, bool] | None,
    files: ImageFiles,
    parts: Parts,
    boxes: dict[str, list[Box]],
) -> Iterator[Study]:
    for line, row in numbered_rows(table, COLUMNS):
        image, patient = row["Image Index"], row["Patient ID"]
        present = set(row["Finding Labels"].split("|")) - {"No Finding"}
        if unknown := present - set(CHESTXRAY14):
            raise DataError(
                f"line {line}: '{min(unknown)}' is not a finding of ChestX-ray14",
                subject=table,
                remedy=f"get it again from {ORIGIN}",
            )
        split: Split | None = None
        if lists is None:
            split = parts.of(patient)
        elif image in lists:
            split = "test" if lists[image] else parts.carve(patient)
        yield Study(
            image.removesuffix(".png"),
            (
                ImageRef(
                    files.path(image),
                    VIEWS.get(row["View Position"], "frontal"),
                    boxes=tuple(boxes.get(image, ())),
                ),
            ),
            patient,
            labels={finding: float(finding in present) for finding in CHESTXRAY14},
            split=split,
        )


def _boxes(path: Path) -> dict[str, list[Box]]:
    """The boxes of each image."""
    boxes: dict[str, list[Box]] = {}
    for line, row in numbered_rows(path, ("Image Index", "Finding Label")):
        # The header says "Bbox [x,y,w,h]", and its commas make four columns of it.
        numbers = [value for key, value in row.items() if re.fullmatch(r"Bbox \[x|y|w|h\]", key)]
        try:
            x, y, width, height = (float(value) / SIDE for value in numbers)
        except ValueError as error:
            raise DataError(
                f"line {line}: is not a box ({error})", subject=path, remedy=f"get it again from {ORIGIN}"
            ) from error
        finding = IN_BOXES.get(row["Finding Label"], row["Finding Label"])
        boxes.setdefault(row["Image Index"], []).append(Box(finding, x, y, width, height))
    return boxes


SOURCE = Source(__doc__, Settings, collect)
