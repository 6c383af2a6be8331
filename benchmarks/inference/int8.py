"""The encoder in int8 against float32 on this processor: throughput, size, and loss of quality.

    python -m benchmarks.inference.int8 DATA [--bundle B] [--part val] [--rounds 20]

DATA is a prepared dataset; its training part gives the ranges. Each round times both encoders in turn on the
same images. The table shows medians and quartiles of the ratios of all rounds, first for the encoder alone on
decoded images, then for captions from files. The loss is measured as `radscribe export --int8` does, with
intervals from a paired bootstrap over patients.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe.bench.measuring import in_turn
from radscribe.bundle.format import locate, read
from radscribe.data.manifest import Manifest
from radscribe.evaluation.bootstrap import Rows, interval
from radscribe.export import staging
from radscribe.export.captioned_part import CaptionedPart, caption_part
from radscribe.export.int8 import TITLES, calibration_images, figures, to_int8
from radscribe.inference.captioner import Captioner
from radscribe.inference.inputs import StudyInput, as_study
from radscribe.runtime.onnx_session import available_cores, open_session

BATCHES = (1, 8, 32)
FILES = 64  # captioned end to end in a round


def ratios(before: Callable[[], Any], after: Callable[[], Any], rounds: int) -> tuple[float, float, float]:
    """Quartiles of the speed-up of the second over the first, measured in turn."""
    seconds = in_turn({"before": before, "after": after}, rounds)
    low, median, high = np.quantile(np.divide(seconds["before"], seconds["after"]), (0.25, 0.5, 0.75))
    return low, median, high


def run(session: Any, images: npt.NDArray[np.float32]) -> Callable[[], Any]:
    return lambda: session.run(["probabilities"], {"images": images})


def captions(bundle: Path, threads: int, files: Sequence[StudyInput]) -> Callable[[], Any]:
    captioner = Captioner(bundle, threads=threads)
    return lambda: list(captioner.stream(files))


def print_throughput(float32: Path, int8: Path, manifest: Manifest, rounds: int) -> None:
    spec = read(float32)
    images = np.stack(list(calibration_images(spec, manifest, max(BATCHES))))
    files = [as_study(study) for study in islice(manifest.split("val"), FILES)]
    print("| | threads | batch | int8 over fp32, throughput | quartiles |\n|---|---:|---:|---:|---|")
    for threads in sorted({1, available_cores()}):
        one, other = (open_session(folder / spec.encoder.file, threads) for folder in (float32, int8))
        for batch in BATCHES:
            some = images[:batch]
            low, median, high = ratios(run(one, some), run(other, some), rounds)
            print(
                f"| encoder | {threads} | {batch} | **{median:.2f}** | {low:.2f} to {high:.2f} |", flush=True
            )
    for threads in sorted({1, available_cores()}):
        first, second = (captions(folder, threads, files) for folder in (float32, int8))
        low, median, high = ratios(first, second, max(rounds // 4, 3))
        print(
            f"| captions of {len(files)} files | {threads} | | **{median:.2f}** | {low:.2f} to {high:.2f} |",
            flush=True,
        )


def some_of(part: CaptionedPart, rows: Rows) -> CaptionedPart:
    return CaptionedPart(
        part.source,
        part.name,
        [part.studies[i] for i in rows],
        [part.captions[i] for i in rows],
        part.findings,
        part.said[rows],
        part.true[rows],
    )


def print_cost(before: CaptionedPart, after: CaptionedPart) -> None:
    was, now = figures(before, "findings"), figures(after, "findings")
    print("| | fp32 | int8 | change | 95% interval |\n|---|---:|---:|---:|---|")
    for name, title in TITLES.items():
        if name not in was:
            print(f"| {title} | not measurable on this data | | | |")
            continue

        def change(rows: Rows, name: str = name) -> float:
            old, new = (figures(some_of(part, rows), "findings") for part in (before, after))
            return new.get(name, np.nan) - old.get(name, np.nan)

        low, high = interval(change, before.groups, rounds=200)
        print(
            f"| {title} | {was[name]:.3f} | {now[name]:.3f} | {now[name] - was[name]:+.3f} "
            f"| {low:+.3f} to {high:+.3f} |"
        )
    same = np.mean([a.text == b.text for a, b in zip(before.captions, after.captions, strict=True)])
    print(f"\n{len(before.captions)} studies of the {before.name} part; {same:.0%} get the same caption.")


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--bundle")
    parser.add_argument("--part", choices=("val", "test"), default="val")
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args(given)
    manifest = Manifest(arguments.data)
    with tempfile.TemporaryDirectory() as folder:
        float32, int8 = (Path(folder) / name for name in ("fp32", "int8"))
        for bundle in (float32, int8):
            bundle.mkdir()
            staging.copy(locate(arguments.bundle), bundle, bundle.name)
        to_int8(int8, manifest)
        spec = read(float32)
        sizes = [(bundle / spec.encoder.file).stat().st_size / 2**20 for bundle in (float32, int8)]
        what = f"{spec.encoder.backbone} at {spec.encoder.image_size} px"
        print(f"{what}: {sizes[0]:.1f} MiB, {sizes[1]:.1f} in int8.\n")
        print_throughput(float32, int8, manifest, arguments.rounds)
        print()
        before, after = (caption_part(Captioner(b), manifest, arguments.part) for b in (float32, int8))
        print_cost(before, after)


if __name__ == "__main__":
    main()
