"""Draw the two studies of `make demo`: a normal chest, and one with a large heart and an effusion.

python examples/draw_phantoms.py OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

from radscribe import phantom
from radscribe.phantom import FindingSpec

STUDIES: dict[str, tuple[int, tuple[FindingSpec, ...]]] = {
    "normal": (11, ()),
    "abnormal": (12, (FindingSpec("Cardiomegaly", strength=0.9), FindingSpec("Effusion", "left", 0.8))),
}


def main() -> None:
    out = Path(sys.argv[1])
    for name, (seed, findings) in STUDIES.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        study = phantom.draw_study(seed, findings)
        phantom.save(study.frontal, folder / "frontal.png")
        phantom.save(study.lateral, folder / "lateral.png")
        print(f"drew {folder}: {study.report}")
    print("The embedded model has learned from real radiographs and never saw a drawn one.\n")


if __name__ == "__main__":
    main()
