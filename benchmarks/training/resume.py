"""Compare a run that is killed with SIGKILL at random moments with one that never was.

    OMP_NUM_THREADS=1 python -m benchmarks.training.resume DATA OUT [--set KEY=VALUE]... [--kills N]

DATA is a prepared folder with features (`prepare --features`); otherwise name an encoder with `--set
encoder=RUN`. Prints how many tensors of both checkpoints and how many rows of the log differ in any bit.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch


def start(data: Path, out: Path, settings: list[str]) -> subprocess.Popen[bytes]:
    sets = [part for setting in settings for part in ("--set", setting)]
    line = ["train", "--data", str(data), "--out", str(out), "--resume", *sets]
    return subprocess.Popen([sys.executable, "-m", "radscribe.cli.main", *line])


def tensors(value: Any, at: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of nested values, each with its place."""
    if isinstance(value, torch.Tensor):
        yield at, value
    elif isinstance(value, dict | list | tuple):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from tensors(inner, f"{at}/{key}")


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "log" / "metrics.csv").open(newline="") as file:
        return [
            {k: v for k, v in row.items() if k != "seconds" and not k.endswith("_per_second")}
            for row in csv.DictReader(file)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--kills", type=int, default=5)
    arguments = parser.parse_args()
    whole, killed = arguments.out / "whole", arguments.out / "killed"

    begun = time.monotonic()
    assert start(arguments.data, whole, arguments.settings).wait() == 0
    seconds = time.monotonic() - begun
    generator, kills = random.Random(0), 0
    while kills < arguments.kills:
        process = start(arguments.data, killed, arguments.settings)
        time.sleep(generator.uniform(0.2, 1) * seconds)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    assert start(arguments.data, killed, arguments.settings).wait() == 0

    for name in ("last.ckpt", "best.ckpt"):
        one, other = (dict(tensors(torch.load(run / name, weights_only=False))) for run in (whole, killed))
        unlike = [at for at in one.keys() | other.keys() if not torch.equal(one[at], other[at])]
        print(f"{name}: {len(one)} tensors, {len(unlike)} not alike {unlike[:3]}")
    pairs = list(zip(rows(whole), rows(killed), strict=True))
    print(f"log: {len(pairs)} epochs, {sum(a != b for a, b in pairs)} not alike; killed {kills} times")


if __name__ == "__main__":
    main()
