"""Memory that one pass over tar files takes, for a small and an eight times larger set of images.

    python -m benchmarks.training.streaming [--images 2000]

Each set is written as WebDataset tar files and read once in a random order, in a separate process and
without a cache of images. Printed is the growth of its resident memory from the first image to the last.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from radscribe.data import webdataset
from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.study import ImageRef, Study

SIZE = 128  # pixels
TIMES = 8  # the larger set over the smaller one
TAR = 1_000_000  # bytes of a tar file


def make(folder: Path, count: int) -> Path:
    """Write `count` images of noise into tar files; returns their manifest's folder."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    studies = []
    for number in range(count):
        pixels = generator.integers(0, 255, (SIZE, SIZE), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png", compress_level=0)
        studies.append(
            Study(
                f"s{number}",
                (ImageRef(f"{number}.png", "PA"),),
                patient_id=f"p{number}",
                labels={"Mass": 0.0},
                split="train",
            )
        )
    write(folder, Header(radscribe_manifest=1, source="noise", licence="CC0"), studies)
    webdataset.export(Manifest(folder), folder / "tars", size=TAR)
    return folder / "tars"


def growth(folder: Path) -> float:
    """Megabytes by which this process grew while it read the images of a folder once."""
    from radscribe.training.image_data import ImageData

    data = ImageData(Manifest(folder), "train", ("Mass",), SIZE)
    data[0]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in np.random.default_rng(0).permutation(len(data)):
        data[int(number)]
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000, help="images of the larger set")
    count = parser.parse_args().images
    with tempfile.TemporaryDirectory() as place:
        for number in (count // TIMES, count):
            tars = make(Path(place, str(number)), number)
            decoded = number * SIZE * SIZE / 1e6
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                grown = pool.apply(growth, (tars,))
            files = len(list(tars.glob("*.tar")))
            print(f"{number:,} images in {files} tar files, {decoded:.0f} MB decoded: {grown:.1f} MB more")


if __name__ == "__main__":
    main()
