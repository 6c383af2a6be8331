"""Distances of the perceptual hash between radiographs: the reason for `radscribe.data.image_hash.SAME`.

    python benchmarks/data/image_hash_distances.py ../shared/data

Prints the largest distance in bits between an image and its copies (saved again, smaller, larger, darker,
cropped), and the smallest distances between different images of the given folders. Pairs that look the same
are duplicates within the collections.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from radscribe.data.image_hash import SAME, Hashes, image_hash, image_hashes

FOLDERS = ("nih/images", "covid/images", "openist/images", "jsrt/images", "nih/images64")
TINY = "nih/images64"  # a copy of these at half the size could not be read
SAMPLE = 300
SHOWN = 12
BITS = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)


def scaled(factor: float, suffix: str) -> Callable[[Image.Image, Path], Path]:
    """A copy of another size."""

    def make(image: Image.Image, folder: Path) -> Path:
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        path = folder / f"copy{suffix}"
        image.resize(size, Image.Resampling.BICUBIC).save(path)
        return path

    return make


def again(quality: int) -> Callable[[Image.Image, Path], Path]:
    """A copy saved as JPEG."""

    def make(image: Image.Image, folder: Path) -> Path:
        image.save(folder / "copy.jpg", quality=quality)
        return folder / "copy.jpg"

    return make


def brighter(image: Image.Image, folder: Path) -> Path:
    """A copy through another window: a tenth more contrast, and brighter; white parts saturate."""
    image.point(lambda value: min(255, int(value * 1.1 + 8))).save(folder / "copy.png")
    return folder / "copy.png"


def cropped(image: Image.Image, folder: Path) -> Path:
    """A copy without its outer 2%."""
    width, height = image.size
    margin = width // 50, height // 50
    image.crop((*margin, width - margin[0], height - margin[1])).save(folder / "copy.png")
    return folder / "copy.png"


COPIES: dict[str, Callable[[Image.Image, Path], Path]] = {
    "PNG": scaled(1, ".png"),
    "JPEG, quality 90": again(90),
    "JPEG, quality 60": again(60),
    "half the size, JPEG": scaled(1 / 2, ".jpg"),
    "twice the size, JPEG": scaled(2, ".jpg"),
    "brighter, saturated": brighter,
    "without its outer 2%": cropped,
}


def distance(one: Hashes, other: Hashes) -> int:
    """Number of bits in which two hashes differ."""
    return int(BITS[(one ^ other).view(np.uint8)].sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    data: Path = parser.parse_args().data
    paths = [p.relative_to(data).as_posix() for f in FOLDERS for p in sorted((data / f).iterdir())]
    hashes, readable = image_hashes(data, paths)
    assert readable.all()
    large = [place for place, path in enumerate(paths) if not path.startswith(TINY)]
    sample = random.Random(0).sample(large, SAMPLE)
    print(
        f"{len(paths):,} images; the same image: at most {SAME} bits\n\ncopies of {SAMPLE}: median, 99%, most"
    )
    with tempfile.TemporaryDirectory() as name:
        for kind, make in COPIES.items():
            distances: list[int] = []
            for place in sample:
                with Image.open(data / paths[place]) as image:
                    distances.append(
                        distance(hashes[place], image_hash(make(image.convert("L"), Path(name))))
                    )
            middle, most = np.percentile(distances, [50, 99])
            found = sum(d <= SAME for d in distances) / SAMPLE
            print(f"  {kind:26} {middle:4.0f} {most:4.0f} {max(distances):4d}   found {found:.0%}")
    rows: list[tuple[int, int, int]] = []
    flat = hashes.view(np.uint8)
    for place in range(len(paths) - 1):
        bits = BITS[flat[place + 1 :] ^ flat[place]].sum(1, dtype=np.int64)
        rows += [(int(bits[k]), place, place + 1 + int(k)) for k in np.argsort(bits)[:3]]
    rows.sort()
    print(f"\nnearest of {len(paths) * (len(paths) - 1) // 2:,} pairs")
    for bits_apart, one, other in rows[: sum(row[0] <= SAME for row in rows) + SHOWN]:
        print(f"  {bits_apart:4d}  {paths[one]}  {paths[other]}")


if __name__ == "__main__":
    main()
