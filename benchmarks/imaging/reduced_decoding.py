"""Effect of decoding at reduced resolution on pictures and finding probabilities of large films.

    python -m benchmarks.imaging.reduced_decoding FOLDER [--count N] [--bundle B]

Each film of at least 800 pixels is written as JPEG 2000 lossless in DICOM and as JPEG, and read at the size
of the bundle's encoder, exactly and at reduced resolution. Prints the mean difference of the pictures at the
common exposure and the largest difference of any finding probability.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.uid import JPEG2000Lossless

import radscribe
from benchmarks.imaging.reading_speed import write
from radscribe.imaging.exposure import picture
from radscribe.imaging.reader import read

LEAST = 800  # pixels along the shorter side


def files(film: npt.NDArray[np.float32], folder: Path) -> dict[str, Path]:
    """The film in each format that may be decoded at reduced resolution."""
    paths = {"JPEG 2000": folder / "film.dcm", "JPEG": folder / "film.jpg"}
    write(np.rint(film * 16383).astype(np.uint16), JPEG2000Lossless, paths["JPEG 2000"])
    Image.fromarray(np.rint(film * 255).astype(np.uint8)).save(paths["JPEG"], quality=92)
    return paths


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of films")
    parser.add_argument("--count", type=int, default=200, help="films to take (default: 200)")
    parser.add_argument("--bundle", help="bundle whose encoder is asked (default: the embedded one)")
    arguments = parser.parse_args()
    captioner = radscribe.load(arguments.bundle)
    size = captioner.spec.encoder.image_size
    pictures: dict[str, list[float]] = {}
    probabilities: dict[str, list[float]] = {}
    taken = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(path for path in arguments.folder.iterdir() if path.is_file()):
            film = read(path).pixels
            if min(film.shape) < LEAST or taken == arguments.count:
                continue
            taken += 1
            for kind, written in files(film, Path(folder)).items():
                both = [
                    picture(read(written, size=size, exact=exact).pixels, size) for exact in (True, False)
                ]
                pictures.setdefault(kind, []).append(float(np.abs(both[0].pixels - both[1].pixels).mean()))
                found = [captioner.caption(seen.pixels, force=True).findings for seen in both]
                change = max(abs(found[0][name] - found[1][name]) for name in found[0])
                probabilities.setdefault(kind, []).append(change)
    print(f"{taken} films at {size} px, {captioner.spec.name}")
    print("| format | mean picture difference | largest | median change of a probability | largest |")
    print("|---|---|---|---|---|")
    for kind, values in pictures.items():
        changes = probabilities[kind]
        print(
            f"| {kind} | {np.mean(values):.4f} | {max(values):.4f} | {np.median(changes):.4f} "
            f"| {max(changes):.4f} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
