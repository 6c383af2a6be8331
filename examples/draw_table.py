"""Draw a small dataset as people keep theirs: a folder of PNG files and a CSV with patients and reports.

python examples/draw_table.py OUT [COUNT]
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

from radscribe import phantom
from radscribe.phantom import FindingSpec

FINDINGS = (
    FindingSpec("Cardiomegaly", strength=0.9),
    FindingSpec("Effusion", "left", 0.8),
    FindingSpec("Effusion", "right", 0.8),
    FindingSpec("Mass", "right", 0.9),
)


def main() -> None:
    out, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 120
    (out / "images").mkdir(parents=True, exist_ok=True)
    chance = random.Random(0)
    with (out / "reports.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("study", "patient", "file", "view", "report"))
        for number in range(count):
            findings = (chance.choice(FINDINGS),) if chance.random() < 0.6 else ()
            study = phantom.draw_study(number, findings)
            name = f"chest{number:04}.png"
            phantom.save(study.frontal, out / "images" / name)
            table.writerow((f"study{number:04}", f"patient{number // 2:04}", name, "PA", study.report))
    print(f"drew {count} studies in {out}")


if __name__ == "__main__":
    main()
