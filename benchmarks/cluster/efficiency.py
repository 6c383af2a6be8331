"""Efficiency of `radscribe batch` on all cores against the engine's own stream in one process.

    python -m benchmarks.cluster.efficiency IMAGES [--images 1000] [--ray]

Both caption the same images with the same number of cores, in turn. The efficiency is the images per second
of the batch over those of the stream. On a machine that others use, too, the ratio of CPU seconds says more
than that of the wall clock: both are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path

from benchmarks.cluster.nodes import ray_nodes
from radscribe.batch.run import Batch, Request
from radscribe.inference.captioner import Captioner
from radscribe.inference.studies import images_in
from radscribe.runtime.onnx_session import available_cores


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ray", action="store_true", help="run the batch on a Ray cluster of one node")
    options = parser.parse_args()
    cores = available_cores()
    files = list(islice(cycle(images_in(options.folder)), options.images))
    captioner = Captioner(threads=cores)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="radscribe")))
        scans = place / "scans"
        scans.mkdir()
        for number, file in enumerate(files):
            (scans / f"{number:06}{file.suffix}").symlink_to(file.resolve())
        address = stack.enter_context(ray_nodes(1, cores)).address if options.ray else None
        walls: list[float] = []
        cpus: list[float] = []
        for round_ in range(options.rounds):
            stream = _timed(lambda: list(captioner.stream(files)))
            batch = Batch(Request(str(scans), str(place / f"out{round_}")))
            batched = _timed(lambda batch=batch: list(batch.run(cores, ray=address)))  # type: ignore[misc]
            walls.append(stream[0] / batched[0])
            cpus.append(stream[1] / batched[1])
    print(f"{len(files):,} images, {cores} cores, {options.rounds} rounds, against the engine in one process")
    print(f"wall clock: {_spread(walls)}")
    if not options.ray:  # Ray's workers are not children of this process
        print(f"CPU time:   {_spread(cpus)}")


def _timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds, children included."""
    wall, before = time.perf_counter(), os.times()
    run()
    after = os.times()
    return time.perf_counter() - wall, sum(after[:4]) - sum(before[:4])


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
