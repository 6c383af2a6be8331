"""Images for the chest check, split by patient: radiographs, other pictures, and synthetic images.

The photographs come with scikit-image, scikit-learn and matplotlib.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from radscribe.data.splits import assign
from radscribe.data.study import Split
from radscribe.errors import ImageError
from radscribe.imaging.chest_check import SIZE
from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize

FRACTIONS: dict[Split, float] = {"train": 0.65, "val": 0.10, "test": 0.25}
Pixels = npt.NDArray[np.float32]

PHOTOGRAPHS: dict[Split, tuple[str, ...]] = {
    "train": (
        "skimage/data/coffee.png",
        "skimage/data/camera.png",
        "skimage/data/astronaut.png",
        "skimage/data/brick.png",
        "skimage/data/grass.png",
        "skimage/data/motorcycle_left.png",
        "skimage/data/hubble_deep_field.jpg",
        "skimage/data/ihc.png",
        "skimage/data/coins.png",
        "skimage/data/page.png",
        "skimage/data/horse.png",
        "sklearn/datasets/images/flower.jpg",
    ),
    "val": ("skimage/data/color.png", "skimage/data/logo.png"),
    "test": (
        "skimage/data/rocket.jpg",
        "skimage/data/chelsea.png",
        "skimage/data/retina.jpg",
        "skimage/data/moon.png",
        "skimage/data/gravel.png",
        "skimage/data/cell.png",
        "skimage/data/text.png",
        "skimage/data/clock_motion.png",
        "sklearn/datasets/images/china.jpg",
        "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
    ),
}


@dataclass(frozen=True, slots=True)
class Example:
    """One image: `kind` is frontal, lateral or not_chest; `source` is for the table."""

    pixels: Pixels  # [SIZE * 2, SIZE * 2], for crops and turns
    kind: str
    source: str
    split: Split


def _load(path: Path) -> Pixels:
    return resize(read(path).pixels, 2 * SIZE, 2 * SIZE)


def radiographs(data: Path) -> Iterator[Example]:
    """Yield every radiograph with the part of its patient."""
    for table, folder in (("labels.csv", "images"), ("labels64.csv", "images64")):
        for row in csv.DictReader((data / "nih" / table).open(newline="")):
            part = assign(row["patient_id"], fractions=FRACTIONS)
            yield Example(_load(data / "nih" / folder / row["image"]), "frontal", f"nih/{folder}", part)
    for row in csv.DictReader((data / "covid" / "metadata.csv").open(newline="", errors="replace")):
        path = data / "covid" / "images" / row["image"]
        if path.exists():
            kind = "lateral" if row["view"] == "L" else "frontal"
            part = assign(f"covid{row['patient_id']}", fractions=FRACTIONS)
            yield Example(_load(path), kind, f"covid {kind}", part)
    for name in ("jsrt", "openist"):
        for path in sorted((data / name / "images").iterdir()):
            yield Example(_load(path), "frontal", name, assign(f"{name}{path.stem}", fractions=FRACTIONS))


def apart(data: Path, use: Literal["threshold", "figures"]) -> Iterator[tuple[str, Path]]:
    """Yield collection and file of radiographs that trained nothing.

    A sixth of Indiana's studies, by a hash of their number, and Hannover's films choose the threshold.
    Another sixth and the films of Figure 1 give the figures.
    """
    rest = 0 if use == "threshold" else 1
    for path in sorted((data / "iu" / "images" / "images_normalized").iterdir()):
        study = path.name.partition("_")[0]
        if int(hashlib.sha256(study.encode()).hexdigest(), 16) % 6 == rest:
            yield "Indiana", path
    other = "covid_hannover" if use == "threshold" else "covid_figure1"
    for path in sorted((data / other).rglob("*")):
        if path.suffix.lower() in (".png", ".jpg", ".jpeg"):
            yield other, path


def others(data: Path) -> Iterator[Example]:
    """Hands, slices and photographs."""
    for path in sorted((data / "not_chest" / "images").rglob("*.*")):
        source = path.parent.name if path.parent.name != "images" else path.stem.rstrip("0123456789_")
        try:
            pixels = _load(path)
        except ImageError as error:
            print(f"left out: {error.problem}", path.name)  # the reader refuses it before the check is asked
            continue
        yield Example(pixels, "not_chest", source, assign(f"not{path.stem}", fractions=FRACTIONS))
    for part, names in PHOTOGRAPHS.items():
        for name in names:
            package, _, inside = name.partition("/")
            spec = importlib.util.find_spec(package)
            if spec is None or spec.origin is None:
                raise SystemExit(
                    f"{package} is not installed; run: pip install scikit-image scikit-learn matplotlib"
                )
            with Image.open(Path(spec.origin).parent / inside) as image:
                grey = np.asarray(image.convert("L"), dtype=np.float32) / np.float32(255)
            for crop in _crops(grey, 12, seed=len(name)):
                yield Example(resize(crop, 2 * SIZE, 2 * SIZE), "not_chest", "photograph", part)
    for part, seed in (("train", 0), ("val", 1), ("test", 2)):
        for pixels in made_up(np.random.default_rng(seed), 240 if part == "train" else 60):
            yield Example(pixels, "not_chest", "made up", part)


def _crops(image: Pixels, count: int, seed: int) -> Iterator[Pixels]:
    generator = np.random.default_rng(seed)
    yield image
    height, width = image.shape
    for _ in range(count - 1):
        side = int(min(height, width) * generator.uniform(0.4, 1.0))
        top, left = (
            int(generator.integers(0, height - side + 1)),
            int(generator.integers(0, width - side + 1)),
        )
        yield np.ascontiguousarray(image[top : top + side, left : left + side])


def made_up(generator: np.random.Generator, count: int) -> Iterator[Pixels]:
    """White and smooth noise, gradients, stripes, discs and boxes."""
    side = 2 * SIZE
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    for index in range(count):
        picture: npt.NDArray[Any]
        kind = index % 6
        if kind == 0:
            picture = generator.random((side, side))
        elif kind == 1:
            cells = int(generator.integers(2, 24))
            picture = resize(generator.random((cells, cells)).astype(np.float32), side, side)
        elif kind == 2:
            a, b = generator.normal(size=2)
            picture = a * x + b * y
        elif kind == 3:
            a, b = generator.uniform(-40, 40, size=2)
            picture = np.sin(a * x + b * y)
        else:
            picture = np.full((side, side), generator.random())
            for _ in range(int(generator.integers(1, 8))):
                cx, cy, r = generator.random(3) * (1, 1, 0.4)
                if kind == 4:
                    picture = np.where((x - cx) ** 2 + (y - cy) ** 2 < r * r, generator.random(), picture)
                else:
                    picture = np.where((abs(x - cx) < r) & (abs(y - cy) < r), generator.random(), picture)
        picture = picture + generator.normal(size=(side, side)) * generator.choice([0, 0.02, 0.1])
        low, high = float(picture.min()), float(picture.max())
        yield ((picture - low) / max(high - low, 1e-6)).astype(np.float32)
