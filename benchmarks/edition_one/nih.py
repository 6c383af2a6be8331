"""The NIH sample as a manifest: train .65, val .10, test .25 of the patients of both folders of images.


    python -m benchmarks.edition_one.nih ../shared/data/nih OUT

A hash of the patient decides the part, as in `radscribe.data.splits`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

from radscribe.data.manifest import VERSION, Header, write
from radscribe.data.splits import assign
from radscribe.data.study import ImageRef, Split, Study
from radscribe.imaging.radiograph import View
from radscribe.labels import CHESTXRAY14

FRACTIONS: dict[Split, float] = {"train": 0.65, "val": 0.10, "test": 0.25}
TABLES = (("labels.csv", "images"), ("labels64.csv", "images64"))
VIEWS: dict[str, View] = {"PA": "PA", "AP": "AP"}


def studies(source: Path) -> Iterator[Study]:
    """Yield one study per image of both tables, with the part of its patient."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    header = Header(
        radscribe_manifest=VERSION,
        source="NIH ChestX-ray14, a sample",
        licence="NIH Clinical Center: free use with attribution",
        citation="Wang et al., ChestX-ray8, CVPR 2017",
        root=str(arguments.source.resolve()),
    )
    print(f"wrote {write(arguments.out, header, studies(arguments.source))} studies to {arguments.out}")


if __name__ == "__main__":
    main()
