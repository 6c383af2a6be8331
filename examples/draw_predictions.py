"""Write captions for the test part of a dataset, as two other systems might.

    python examples/draw_predictions.py data/drawn mine.csv theirs.csv

The first file has a random report of the training part for each study. The second has one sentence for all.
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

from radscribe.data.manifest import Manifest

NORMAL = "The heart is normal in size. The lungs are clear. No pleural effusion or pneumothorax."


def main() -> None:
    data, mine, theirs = map(Path, sys.argv[1:])
    manifest, generator = Manifest(data), random.Random(0)
    reports = [study.text("findings") for study in manifest.split("train")]
    studies = [study.id for study in manifest.split("test")]
    for path, texts in (
        (mine, generator.choices(reports, k=len(studies))),
        (theirs, [NORMAL] * len(studies)),
    ):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "report"))
            writer.writerows(zip(studies, texts, strict=True))
        print(f"wrote {path}: {len(studies)} captions")


if __name__ == "__main__":
    main()
