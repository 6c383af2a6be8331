"""Seconds of a whole evaluation without Java, at the sizes of the IU and the MIMIC-CXR test sets.

    python -m benchmarks.evaluation.speed MANIFEST

The larger set repeats the Indiana reports, shuffled words making each one different, 3,858 of them beside
20,000 training reports; all baselines, 1,000 bootstrap rounds, `scores.json` and the page are in the time.
Wall time and processor time are printed: on a busy machine the second one counts.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from radscribe.data import manifest as manifest_file
from radscribe.data.features import FeatureTable
from radscribe.data.manifest import Header, Manifest
from radscribe.data.study import ImageRef, Split, Study
from radscribe.evaluation import dataset, references, run
from radscribe.evaluation.records import Captions
from radscribe.evaluation.results import Results
from radscribe.text.report import Report
from radscribe.text.sentences import split_sentences

SIZES: dict[str, dict[Split, int]] = {
    "IU X-ray": {"train": 2069, "val": 296, "test": 590},
    "MIMIC-CXR": {"train": 20000, "val": 1808, "test": 3858},
}


def build(folder: Path, sizes: dict[Split, int], sentences: list[list[str]]) -> None:
    """A manifest of so many studies, each report some sentences of two others."""
    generator = random.Random(0)
    studies = [
        Study(
            f"{part}{i:06}",
            (ImageRef(f"{part}{i}.png"),),
            report=Report(findings=" ".join([*one[: len(one) // 2 + 1], *other[len(other) // 2 :]])),
            split=part,
        )
        for part, n in sizes.items()
        for i in range(n)
        for one, other in [generator.choices(sentences, k=2)]
    ]
    manifest_file.write(folder, Header(1, "made for timing"), studies)
    rows = np.random.default_rng(0).random((len(studies), 14), dtype=np.float32)
    FeatureTable([study.images[0].path for study in studies], {"probabilities": rows}).save(
        folder / "features.npz"
    )


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args(given)
    texts = references.read(Manifest(arguments.data), "train", "findings").texts
    sentences = [split_sentences(text) for text in texts]
    print("| set | studies | wall | processor |\n|---|---:|---:|---:|")
    for name, sizes in SIZES.items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            build(folder, sizes, sentences)
            wall, processor = time.perf_counter(), time.process_time()
            data = dataset.read(folder, "test", "findings")
            captions = data.texts.texts[1:] + data.texts.texts[:1]
            result = run.run(data, [Captions("shifted", captions)], [], run.options())
            Results(result, None, folder).save(folder / "out")
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            print(f"| {name} | {result.n:,} | {wall:.1f} s | {processor:.1f} s |")


if __name__ == "__main__":
    main()
