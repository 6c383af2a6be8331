"""Memory and time of a manifest of MIMIC-CXR's size.

    python benchmarks/data/manifest_scale.py [--studies 400000] [--folder DIR]

Writes synthetic studies with reports of the usual length (two images, 14 labels, 90 words) to a temporary
folder, in its own process. Other processes then measure opening, random access, a full read, reading one
part, and the leak check without image content. Goals: peak below 300 MB, random access below 1 ms.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from radscribe.data.leaks import check_leaks
from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.splits import assign
from radscribe.data.study import ImageRef, Study
from radscribe.labels import CHESTXRAY14
from radscribe.text.report import Report

WORDS = (
    "heart",
    "lungs",
    "clear",
    "pleural",
    "effusion",
    "small",
    "left",
    "right",
    "opacity",
    "normal",
    "no",
)
ACCESSES = 20_000
STUDIES_OF_A_PATIENT = 4


def studies(count: int) -> Iterator[Study]:
    """Synthetic studies in a scattered order."""
    generator = random.Random(0)
    for number in range(count):
        number = number * 7919 % count
        patient = f"p{10_000_000 + number // STUDIES_OF_A_PATIENT}"
        folder = f"files/{patient[:3]}/{patient}/s{50_000_000 + number}"
        names = (f"{generator.getrandbits(160):040x}" for _ in range(2))
        yield Study(
            f"s{50_000_000 + number}",
            tuple(ImageRef(f"{folder}/{name}.jpg", "PA", 2544, 3056) for name in names),
            patient,
            Report(
                "Shortness of breath.",
                "None.",
                " ".join(generator.choices(WORDS, k=70)),
                " ".join(generator.choices(WORDS, k=20)),
            ),
            {finding: float(generator.random() < 0.1) for finding in CHESTXRAY14},
            assign(patient),
        )


def make(folder: Path, count: int) -> str:
    """Write the manifest."""
    write(folder, Header(1, "synthetic"), studies(count))
    return f"{(folder / 'manifest.jsonl').stat().st_size / 1e6:,.0f} MB on disk"


def access(folder: Path, count: int) -> str:
    """Open, and read studies at random places."""
    began = time.perf_counter()
    manifest = Manifest(folder)
    opened = time.perf_counter() - began
    places = [random.Random(1).randrange(count) for _ in range(ACCESSES)]
    durations = []
    for place in places:
        began = time.perf_counter()
        assert manifest[place].images
        durations.append(time.perf_counter() - began)
    durations.sort()
    middle, most = durations[ACCESSES // 2] * 1e3, durations[ACCESSES * 99 // 100] * 1e3
    return f"open {opened:.2f} s; random access median {middle:.3f} ms, 99% under {most:.3f} ms"


def through(folder: Path, count: int) -> str:
    """Read all studies, in order."""
    assert sum(1 for _ in Manifest(folder)) == count
    return "all studies"


def part(folder: Path, count: int) -> str:
    """Find the training part and read it."""
    training = Manifest(folder).split("train")
    return f"{sum(1 for _ in training):,} of {count:,} studies"


def leaks(folder: Path, count: int) -> str:
    """Patients, studies and image paths across parts."""
    return f"{len(check_leaks(Manifest(folder), images=False).leaks)} leaks in {count:,} studies"


def _measured(step: Callable[[Path, int], str], folder: Path, count: int) -> None:
    began = time.perf_counter()
    told = step(folder, count)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{step.__name__:8} {seconds:6.1f} s  peak {peak:4.0f} MB  {told}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=400_000)
    parser.add_argument("--folder", type=Path, help="where to put the temporary folder")
    arguments = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")  # each step's peak is its own
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        for step in (make, access, through, part, leaks):
            process = fresh.Process(target=_measured, args=(step, Path(name), arguments.studies))
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f"{step.__name__} failed")


if __name__ == "__main__":
    main()
