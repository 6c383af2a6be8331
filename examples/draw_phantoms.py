"""Draw two chests: a normal one, and one with a large heart and an effusion. No real image is needed.

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
    out.mkdir(parents=True, exist_ok=True)
    for name, (seed, findings) in STUDIES.items():
        phantom.save(phantom.draw(seed, findings), out / f"{name}.png")
        print(f"drew {out / name}.png")


if __name__ == "__main__":
    main()
