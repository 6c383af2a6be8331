"""The images that the second edition's encoder learns from, as one manifest.

    python -m benchmarks.edition_two.images ../shared/data OUT

The parts of the NIH sample are those of the first edition, so that both are measured on the same images. What
else there is goes into the training part, each image with the labels that its collection is sure of:

- JSRT: `Nodule` where it names one, nothing at all where it names none; `Cardiomegaly` by the width of the
  heart over that of the lungs, both from its masks, and unknown near the limit.
- OpenIST: all normal. Half of it, by a hash, stays in no part: for counting false alarms.
- covid-chestxray: frontals of pneumonia (`Pneumonia`) and without finding.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.edition_one import nih
from radscribe.data.manifest import VERSION, Header, write
from radscribe.data.splits import unit_hash
from radscribe.data.study import ImageRef, Study
from radscribe.imaging.radiograph import View
from radscribe.labels import CHESTXRAY14

HEART, LUNGS = 1, (2, 3)  # grey values of JSRT's masks
NARROW, WIDE = 0.47, 0.52  # heart over lungs: below the one no cardiomegaly, above the other one
Labels = dict[str, float | None]
NORMAL: Labels = dict.fromkeys(CHESTXRAY14, 0.0)
FRONTALS: dict[str, View] = {"PA": "PA", "AP": "AP", "AP Supine": "AP"}


def moved(study: Study) -> Study:
    """A study of the NIH sample, with paths from the folder of all data."""
    images = tuple(ImageRef(f"nih/{image.path}", image.view) for image in study.images)
    return Study(f"nih/{study.id}", images, f"nih/{study.patient_id}", labels=study.labels, split=study.split)


def heart_over_lungs(mask: Path) -> float:
    """The largest width of the heart over that of both lungs, of a JSRT mask."""
    values = np.asarray(Image.open(mask))
    heart, lungs = (np.nonzero(np.isin(values, kind).any(0))[0] for kind in (HEART, LUNGS))
    return float(np.ptp(heart) / np.ptp(lungs))


def jsrt(source: Path) -> Iterator[Study]:
    with (source / "clinical.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            mask = source / "masks" / Path(row["File"]).with_suffix(".png")
            image = Path("jsrt/images") / Path(row["File"]).with_suffix(".jpg")
            if not mask.exists():  # some of the table's images are not in the folder
                continue
            labels: Labels = {"Nodule": 1.0} if row["Condition"].startswith("nodule") else dict(NORMAL)
            labels.pop("Cardiomegaly", None)
            ratio = heart_over_lungs(mask)
            if not NARROW <= ratio <= WIDE:
                labels["Cardiomegaly"] = float(ratio > WIDE)
            yield training(image, "PA", labels)


def trains(name: str) -> bool:
    """Whether an image of OpenIST is in the half that is trained on."""
    return unit_hash(name) < 0.5


def openist(source: Path) -> Iterator[Study]:
    for path in sorted((source / "images").iterdir()):
        if trains(path.name):
            yield training(Path("openist/images") / path.name, "frontal", NORMAL)


def covid(source: Path) -> Iterator[Study]:
    with (source / "metadata.csv").open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            if (view := FRONTALS.get(row["view"])) is None:
                continue
            labels: Labels = dict(NORMAL) if row["finding"] == "No Finding" else {"Pneumonia": 1.0}
            yield training(Path("covid/images") / row["image"], view, labels, f"covid/{row['patient_id']}")


def training(image: Path, view: View, labels: Labels, patient: str | None = None) -> Study:
    name = str(image)
    return Study(name, (ImageRef(str(image), view),), patient or name, labels=labels, split="train")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    source: Path = arguments.source
    arguments.out.mkdir(parents=True, exist_ok=True)
    header = Header(
        radscribe_manifest=VERSION,
        source="NIH ChestX-ray14 (a sample), JSRT, half of OpenIST, covid-chestxray frontals",
        licence="each collection's own: see the model card",
        citation="Wang et al., CVPR 2017; Shiraishi et al., AJR 2000; Cohen et al., arXiv:2006.11988",
        root=str(source.resolve()),
    )
    studies = [
        *map(moved, nih.studies(source / "nih")),
        *jsrt(source / "jsrt"),
        *openist(source / "openist"),
        *covid(source / "covid"),
    ]
    once = {study.id: study for study in studies}  # the covid table names two images twice
    print(f"wrote {write(arguments.out, header, once.values())} studies to {arguments.out}")


if __name__ == "__main__":
    main()
