"""Effect of decoding at reduced resolution on pictures and finding probabilities of large films.

    python -m benchmarks.imaging.reduced_decoding FOLDER [--count N] [--side PIXELS] [--bundle B]

Each film is written as JPEG 2000 (lossless and lossy) in DICOM and as JPEG, and read at the size of the
bundle's encoder, exactly and at reduced resolution. A film that is smaller than `--side` is enlarged to it
first, with the noise of a detector. Prints the mean difference of the pictures at the common exposure, and
for each film the largest change of a finding probability. "shifted" is for comparison: the same film read
exactly, moved by one pixel of the encoder's input.

Ends with 1 if a median or a 99th percentile is above that of the shifted film: the tolerance.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.uid import JPEG2000, JPEG2000Lossless

import radscribe
from benchmarks.imaging.reading_speed import write
from radscribe.imaging.exposure import picture
from radscribe.imaging.reader import read
from radscribe.inference.studies import images_in

Floats = npt.NDArray[np.float32]

SHIFTED = "shifted by a pixel"


def enlarged(film: Floats, side: int, seed: int) -> Floats:
    """The film with a shorter side of at least `side` pixels; noise is added to what is interpolated."""
    factor = side / min(film.shape)
    if factor <= 1:
        return film
    height, width = (round(factor * length) for length in film.shape)
    large = np.asarray(Image.fromarray(film).resize((width, height), Image.Resampling.BICUBIC))
    noise = np.random.default_rng(seed).normal(0, 0.0025, large.shape).astype(np.float32)
    return np.clip(large + noise, 0, 1)


def files(film: Floats, folder: Path) -> dict[str, Path]:
    """The film in each format that may be decoded at reduced resolution."""
    paths = {
        "JPEG 2000 lossless": folder / "lossless.dcm",
        "JPEG 2000 10:1": folder / "lossy.dcm",
        "JPEG": folder / "film.jpg",
    }
    stored = np.rint(film * 16383).astype(np.uint16)
    write(stored, JPEG2000Lossless, paths["JPEG 2000 lossless"])
    write(stored, JPEG2000, paths["JPEG 2000 10:1"])
    Image.fromarray(np.rint(film * 255).astype(np.uint8)).save(paths["JPEG"], quality=92)
    return paths


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of films")
    parser.add_argument("--count", type=int, default=200, help="films to take (default: 200)")
    parser.add_argument("--side", type=int, default=1600, help="shorter side of a film (default: 1600)")
    parser.add_argument("--bundle", help="bundle whose encoder is asked (default: the embedded one)")
    arguments = parser.parse_args()
    captioner = radscribe.load(arguments.bundle)
    size = captioner.spec.encoder.image_size

    def findings(pixels: Floats) -> npt.NDArray[np.float64]:
        return np.array(list(captioner.caption(pixels, force=True, beam=1).findings.values()))

    paths = images_in(arguments.folder)
    paths = paths[:: max(1, len(paths) // arguments.count)][: arguments.count]
    pictures: dict[str, list[float]] = {}
    changes: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed, path in enumerate(paths):
            film = enlarged(read(path).pixels, arguments.side, seed)
            for kind, written in files(film, Path(folder)).items():
                exact, reduced = (
                    picture(read(written, size=size, exact=exact).pixels, size).pixels
                    for exact in (True, False)
                )
                found = findings(exact)
                others = {kind: reduced}
                if kind == "JPEG":
                    others[SHIFTED] = np.concatenate([exact[:, 1:], exact[:, -1:]], axis=1)
                for name, other in others.items():
                    pictures.setdefault(name, []).append(float(np.abs(exact - other).mean()))
                    changes.setdefault(name, []).append(float(np.abs(found - findings(other)).max()))
    print(f"{len(paths)} films of at least {arguments.side} px, read at {size} px, {captioner.bundle}")
    print("| format | picture, mean | probability: median | 95th percentile | 99th | largest |")
    print("|---|---|---|---|---|---|")
    figures = {kind: np.percentile(values, [50, 95, 99, 100]) for kind, values in changes.items()}
    for kind, (median, high, higher, most) in figures.items():
        difference = float(np.mean(pictures[kind]))
        print(f"| {kind} | {difference:.4f} | {median:.4f} | {high:.4f} | {higher:.4f} | {most:.4f} |")
    return int(any((values[[0, 2]] > figures[SHIFTED][[0, 2]]).any() for values in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
