"""The NIH part of the embedded bundle's data as manifests: whole, and in folds for cross-fitting.

    python -m benchmarks.edition_one.nih ../shared/data/nih OUT

Writes OUT/all (train .65, val .10, test .25 of the patients) and OUT/fold0, OUT/fold1, ... where the
training patients of OUT/all are parted again: a fold is held out as `val`, the other folds are `train`.
Fold membership and parts are hashes of the patient, over both folders of images together.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from radscribe.data.manifest import Header, write
from radscribe.data.splits import assign, unit_hash
from radscribe.data.study import ImageRef, Split, Study
from radscribe.imaging.radiograph import View
from radscribe.labels import CHESTXRAY14

FRACTIONS: dict[Split, float] = {"train": 0.65, "val": 0.10, "test": 0.25}
FOLDS = 2
TABLES = (("labels.csv", "images"), ("labels64.csv", "images64"))
VIEWS: dict[str, View] = {"PA": "PA", "AP": "AP"}


def studies(source: Path) -> Iterator[Study]:
    """One study an image; both tables, with the part of the patient."""
    for table, folder in TABLES:
        with (source / table).open(newline="") as file:
            for row in csv.DictReader(file):
                present = set(row["labels"].split("|"))
                yield Study(
                    id=f"{folder}/{Path(row['image']).stem}",
                    images=(ImageRef(f"{folder}/{row['image']}", VIEWS.get(row["view"], "frontal")),),
                    patient_id=row["patient_id"],
                    labels={finding: float(finding in present) for finding in CHESTXRAY14},
                    split=assign(row["patient_id"], fractions=FRACTIONS),
                )


def fold_of(patient: str) -> int:
    """The fold that holds a training patient out."""
    return int(unit_hash(patient, seed=1) * FOLDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    everything = list(studies(arguments.source))
    training = [study for study in everything if study.split == "train"]
    manifests = {"all": everything}
    for fold in range(FOLDS):
        manifests[f"fold{fold}"] = [
            replace(study, split="val" if fold_of(str(study.patient_id)) == fold else "train")
            for study in training
        ]
    for name, members in manifests.items():
        folder = arguments.out / name
        folder.mkdir(parents=True, exist_ok=True)
        header = Header(
            radscribe_manifest=1,
            source="NIH ChestX-ray14, a sample",
            licence="NIH Clinical Center: free use with attribution",
            citation="Wang et al., ChestX-ray8, CVPR 2017",
            root=str(arguments.source.resolve()),
        )
        print(name, write(folder, header, members))


if __name__ == "__main__":
    main()
