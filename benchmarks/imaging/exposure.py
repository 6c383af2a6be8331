"""How much brightness and contrast change what the networks see, on real films.

    python -m benchmarks.imaging.exposure FOLDER [--count N] [--bundle B]

Each film is read unchanged and distorted: stored at 6%, 25%, 50% and 100% of a 16-bit range, and with a gamma
of 0.7 to 1.4. Prints the mean difference of the picture at the common exposure, the films whose chest check
decides otherwise, the films with a warning, and, with a bundle, the drafts that change.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radscribe.errors import ImageError
from radscribe.imaging.chest_check import PICTURE, ChestChecker
from radscribe.imaging.exposure import picture
from radscribe.imaging.reader import read

DISTORTIONS = [
    (0.06, 1.0),
    (0.25, 1.0),
    (0.5, 1.0),
    (1.0, 0.7),
    (1.0, 0.85),
    (1.0, 1.2),
    (1.0, 1.4),
    (0.25, 1.4),
]
Levels = npt.NDArray[np.uint16]


def distorted(pixels: npt.NDArray[np.float32], share: float, gamma: float) -> Levels:
    """The film as 16-bit levels."""
    return np.rint(65535 * share * pixels.astype(np.float64) ** gamma).astype(np.uint16)


def films(folder: Path, count: int) -> list[npt.NDArray[np.float32]]:
    """Up to `count` films of a folder, evenly spread over its names, that can be read."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found = []
    for path in paths[:: max(1, len(paths) // count)][:count]:
        try:
            found.append(read(path).pixels)
        except ImageError as error:
            print(error, file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of films")
    parser.add_argument("--count", type=int, default=60, help="films to take (default: 60)")
    parser.add_argument("--bundle", help="bundle whose drafts are compared (default: none)")
    arguments = parser.parse_args()
    check = ChestChecker()
    pixels = films(arguments.folder, arguments.count)
    captioner = None
    if arguments.bundle:
        import radscribe

        captioner = radscribe.load(arguments.bundle)
    before = [picture(film, PICTURE) for film in pixels]
    passed = [check.check(seen.pixels).refused for seen in before]
    drafts = [captioner.caption(distorted(film, 1, 1)).text if captioner else "" for film in pixels]
    print(f"{len(pixels)} films, {sum(bool(seen.warnings) for seen in before)} with a warning as they are")
    print("| range | gamma | mean difference | largest | check differs | warnings | drafts changed |")
    print("|---|---|---|---|---|---|---|")
    for share, gamma in DISTORTIONS:
        levels = [distorted(film, share, gamma) for film in pixels]
        after = [picture(read(film).pixels, PICTURE) for film in levels]
        difference = [float(np.abs(a.pixels - b.pixels).mean()) for a, b in zip(after, before, strict=True)]
        other = sum(
            (check.check(seen.pixels).refused is None) != (was is None)
            for seen, was in zip(after, passed, strict=True)
        )
        changed = "-"
        if captioner:
            texts = [captioner.caption(film).text for film in levels]
            changed = str(sum(text != draft for text, draft in zip(texts, drafts, strict=True)))
        print(
            f"| {share:.0%} | {gamma} | {np.mean(difference):.4f} | {max(difference):.4f} | {other} "
            f"| {sum(bool(seen.warnings) for seen in after)} | {changed} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
