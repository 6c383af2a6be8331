"""Compare one process with two (`--devices 2 --strategy ddp`) by a validation figure, over several seeds.

    OMP_NUM_THREADS=1 python -m benchmarks.training.ddp DATA OUT [--set KEY=VALUE]... [--seeds N]

The noise is the effect of the seed on one process. The difference of the means should be within it.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev


def train(data: Path, out: Path, settings: list[str], devices: int, figure: str) -> float:
    """The best value of a validation figure (the lowest)."""
    sets = [part for setting in settings for part in ("--set", setting)]
    line = ["train", "--data", str(data), "--out", str(out), *sets, "--resume"]
    several = ["--devices", str(devices), "--strategy", "ddp"] if devices > 1 else []
    subprocess.run([sys.executable, "-m", "radscribe.cli.main", *line, *several], check=True)
    with (out / "log" / "metrics.csv").open(newline="") as file:
        return min(float(row[figure]) for row in csv.DictReader(file))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--figure", default="val_loss")
    arguments = parser.parse_args()
    found: dict[int, list[float]] = {1: [], 2: []}
    for seed in range(arguments.seeds):
        for devices, values in found.items():
            out = arguments.out / f"{devices}-{seed}"
            settings = [*arguments.settings, f"seed={seed}"]
            values.append(train(arguments.data, out, settings, devices, arguments.figure))
    for devices, values in found.items():
        spread = stdev(values) if len(values) > 1 else 0.0
        print(f"{devices} processes: {arguments.figure} {mean(values):.4f}, seeds' deviation {spread:.4f}")
    print(f"difference {mean(found[2]) - mean(found[1]):+.4f}")


if __name__ == "__main__":
    main()
