"""Probabilities and captions of real films in every transfer syntax, against the film written uncompressed.

    python -m benchmarks.imaging.parity FOLDER [--count 200] [--bundle B]

Each picture is written as a DICOM film of 14 bits, once per transfer syntax that can be written here, and
captioned from the file with all pixels decoded. A syntax is equal if every caption and probability is, to
the last bit. "JPEG 2000 lossy" (10 to 1) and "JPEG 2000 lossless, reduced" are there for comparison.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from pydicom.uid import JPEG2000

import radscribe
from benchmarks.imaging.reading_speed import SYNTAXES, write
from radscribe.imaging.reader import read
from radscribe.inference.caption import Caption
from radscribe.inference.studies import images_in

REFERENCE = "uncompressed"
LOSSLESS = "JPEG 2000 lossless"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of films")
    parser.add_argument("--count", type=int, default=200, help="films to take (default: 200)")
    parser.add_argument("--bundle", help="bundle that writes the captions (default: the embedded one)")
    arguments = parser.parse_args()
    captioner = radscribe.load(arguments.bundle)
    paths = images_in(arguments.folder)
    paths = paths[:: max(1, len(paths) // arguments.count)][: arguments.count]
    said: dict[str, list[Caption]] = {}
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, list[Path]] = {}
        for place, path in enumerate(paths):
            film = np.rint(read(path).pixels * 16383).astype(np.uint16)
            for name, syntax in {**SYNTAXES, "JPEG 2000 lossy": JPEG2000}.items():
                written = Path(folder) / f"{place}_{name}.dcm"
                write(film, syntax, written)
                files.setdefault(name, []).append(written)
        for name, mine in files.items():
            said[name] = list(captioner.stream(mine, force=True))
        said[f"{LOSSLESS}, reduced"] = list(captioner.stream(files[LOSSLESS], force=True, exact=False))
    print(f"{len(paths)} films, {captioner.bundle}")
    print("| transfer syntax | read | captions that differ | largest difference of a probability |")
    print("|---|---:|---:|---:|")
    different = 0
    for name, captions in said.items():
        pairs = list(zip(said[REFERENCE], captions, strict=True))
        changed = sum(one.text != other.text for one, other in pairs)
        furthest = max(
            (
                abs(p - other.findings[f])
                for one, other in pairs
                if other.findings
                for f, p in one.findings.items()
            ),
            default=0.0,
        )
        readable = sum(caption.text is not None for caption in captions)
        print(f"| {name} | {readable} | {changed} | {furthest:.2g} |")
        different += name in SYNTAXES and (changed > 0 or furthest > 0 or readable < len(paths))
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
