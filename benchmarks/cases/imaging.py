"""Images that other tools read wrongly: expected and actual results of radscribe.

    python -m benchmarks.cases.imaging CASES

CASES is a folder with files such as `02_reference.png` and `23_shutter_white_border.dcm`. Each file is
compared with the film that it was made from. The exit code is 1 if any differs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from radscribe.errors import RadscribeError
from radscribe.imaging.chest_check import PICTURE, ChestChecker
from radscribe.imaging.exposure import picture
from radscribe.imaging.header import read_header
from radscribe.imaging.reader import read

REFERENCE = "02_reference.png"
TOLERANCE = 0.01  # mean difference of the pictures at the common exposure


class Case(NamedTuple):
    """Files, by name or pattern, and how they should be read."""

    files: str
    like: str
    expected: str = "the same picture"


CASES = (
    Case("02_twelve_bits_in_sixteen.png", REFERENCE, "the same picture, a warning"),
    Case("03_*.dcm", REFERENCE),
    Case("05_*.dcm", REFERENCE),
    Case("07_*.dcm", REFERENCE),
    Case("12_*.dcm", REFERENCE, "the same picture, view unknown"),
    Case("14_*.dcm", REFERENCE),
    Case("18_uid_named_files/*", REFERENCE, "the same picture, found by its first bytes"),
    Case("23_shutter_white_border.dcm", "23_shutter_black_border.dcm"),
)


def outcome(path: Path, like: Path, check: ChestChecker) -> list[str]:
    """Describe the outcome in the words of `Case.expected`."""
    try:
        film, reference = read(path), read(like)
    except RadscribeError as error:
        return [str(error)]
    seen, known = picture(film.pixels, PICTURE), picture(reference.pixels, PICTURE)
    difference = float(np.abs(seen.pixels - known.pixels).mean())
    found = ["the same picture" if difference <= TOLERANCE else f"another picture ({difference:.3f})"]
    if refused := check.check(seen.pixels, film.view).refused:
        found.append(f"refused: {refused}")
    if seen.warnings:
        found.append("a warning")
    if film.view == "unknown" and path.suffix == ".dcm":
        found.append("view unknown")
    if path.parent != like.parent and read_header(path).is_image:
        found.append("found by its first bytes")
    return found


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("absent")
    if not (folder / REFERENCE).is_file():
        print(f"skipped: {folder} holds no {REFERENCE}")
        return 0
    check, wrong = ChestChecker(), 0
    print("| input | expected | got |\n|---|---|---|")
    for case in CASES:
        for path in sorted(folder.glob(case.files)):
            got = ", ".join(outcome(path, folder / case.like, check))
            wrong += got != case.expected
            print(f"| {path.relative_to(folder)} | {case.expected} | {got} |")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
