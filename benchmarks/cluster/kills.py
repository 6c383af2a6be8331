"""Caption phantoms on a Ray cluster while its workers are killed, and compare with one process, byte by byte.

    python -m benchmarks.cluster.kills --images 20000 --kills 20 --lost-nodes 1

The cluster is three `ray start` processes on loopback. The command prints one JSON object and fails if an
image is missing or there twice, or if a shard differs from the one that a single process writes. Each image
has its own noise, so a swapped image changes a shard; drawing a chest for each would take longer than
captioning them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.cluster.nodes import Cluster, ray_nodes
from radscribe import phantom
from radscribe.batch.plan import PLAN
from radscribe.batch.run import Batch, Request
from radscribe.batch.shard import Counts

SIZE = 128  # side of a phantom in pixels
COPIES = 20  # images of a drawn chest, each with other noise
NOISE = 0.01  # its standard deviation


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--lost-nodes", type=int, default=0, help="nodes that are killed with all they run")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw, and caption without Ray")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=Path, help="where images and shards stay; the single process's shards are used again"
    )
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="radscribe")))
        shutil.rmtree(folder / "ray", ignore_errors=True)
        draw(folder / "scans", options.images, options.workers)
        generator = random.Random(options.seed)
        told = compare(folder, options.nodes, options.kills, options.lost_nodes, generator)
    print(json.dumps(told))
    if told["missing"] or told["twice"] or told["shards_that_differ"] or told["shards_given_up"]:
        raise SystemExit(1)


def draw(folder: Path, count: int, workers: int) -> None:
    """Write images of phantoms, no two of them the same."""
    if folder.is_dir() and len(list(folder.iterdir())) == count:
        return
    folder.mkdir(parents=True)
    with ProcessPoolExecutor(workers) as pool:
        for _ in pool.map(partial(_draw, folder, count), range(0, count, COPIES)):
            pass


def _draw(folder: Path, count: int, first: int) -> None:
    drawn = phantom.draw(first, size=SIZE)
    clean = drawn.radiograph.pixels
    for number in range(first, min(first + COPIES, count)):
        noise = np.random.default_rng(number).normal(0, NOISE, clean.shape)
        pixels = np.clip(clean + noise, 0, 1).astype(np.float32)
        noisy = replace(drawn, radiograph=replace(drawn.radiograph, pixels=pixels))
        phantom.save(noisy, folder / f"{number:06}.png")


def compare(
    folder: Path, nodes: int, kills: int, lost_nodes: int, generator: random.Random
) -> dict[str, object]:
    """Caption `folder/scans` on a cluster under kills and in one process.

    Returns
    -------
    dict
        Figures of the comparison: images missing, twice, and shards that differ should all be 0.
    """
    scans = str(folder / "scans")
    began = time.perf_counter()
    with ray_nodes(nodes) as cluster:
        batch = Batch(Request(scans, str(folder / "ray")))
        killed: list[float] = []
        lost: list[int] = []
        moments = sorted(generator.uniform(0, 0.95) for _ in range(kills))
        ends = [(number + 1) / (lost_nodes + 1) for number in range(lost_nodes)]
        progress = Progress(batch)
        with (
            killing(cluster, moments, generator, killed, progress),
            losing(cluster, ends, lost, progress),
        ):
            outcomes = list(batch.run(1, ray=cluster.address))
    ray_seconds = time.perf_counter() - began
    began = time.perf_counter()
    single = Batch(Request(scans, str(folder / "single")))
    list(single.run(1))
    ids = [
        name
        for shard in sorted((folder / "ray").glob("shard-*.parquet"))
        for name in pq.read_table(shard, columns=["id"])["id"].to_pylist()
    ]
    drawn = {path.name for path in Path(scans).iterdir()}
    names = {path.name for path in (folder / "single").iterdir()} - {PLAN}
    return {
        "images": len(drawn),
        "nodes": nodes,
        "kills": len(killed),
        "lost_nodes": len(lost),
        "shards": len(names),
        "missing": len(drawn - set(ids)),
        "twice": len(ids) - len(set(ids)),
        "shards_that_differ": sum(
            not (folder / "ray" / name).is_file()
            or (folder / "ray" / name).read_bytes() != (folder / "single" / name).read_bytes()
            for name in names
        ),
        "shards_given_up": sum(not isinstance(outcome, Counts) for outcome in outcomes),
        "seconds_on_the_cluster": round(ray_seconds, 1),
        "seconds_in_one_process": round(time.perf_counter() - began, 1),
    }


class Progress:
    """Share of a batch's shards that are written."""

    def __init__(self, batch: Batch) -> None:
        self._out, self._shards = Path(batch.out), batch.terms.shards

    def __call__(self) -> float:
        return len(list(self._out.glob("shard-*.parquet"))) / self._shards


@contextmanager
def killing(
    cluster: Cluster,
    moments: Sequence[float],
    generator: random.Random,
    killed: list[float],
    progress: Progress,
) -> Iterator[None]:
    """Kill a worker that captions, chosen at random, as soon as certain shares of the batch are done.

    Parameters
    ----------
    moments : sequence of float
        The shares, in ascending order.
    killed : list of float
        Gets the share of the batch that was done at each kill.
    """

    def kill() -> bool:
        busy = cluster.busy_workers()
        if not busy:
            return False
        with suppress(ProcessLookupError):
            os.kill(generator.choice(busy), signal.SIGKILL)
            killed.append(progress())
        return True

    with _at(moments, progress, kill):
        yield


@contextmanager
def losing(cluster: Cluster, moments: Sequence[float], lost: list[int], progress: Progress) -> Iterator[None]:
    """Kill the last node, with all that it runs, as soon as certain shares of the batch are done.

    Parameters
    ----------
    lost : list of int
        Gets the number of each node that was killed.
    """

    def lose() -> bool:
        lost.append(cluster.kill_last_node())
        return True

    with _at(moments, progress, lose):
        yield


@contextmanager
def _at(moments: Sequence[float], progress: Progress, act: Callable[[], bool]) -> Iterator[None]:
    """Call `act` when each share is done, again and again until it answers True."""
    over = threading.Event()

    def watch() -> None:
        for moment in moments:
            while not over.is_set() and not (progress() >= moment and act()):
                over.wait(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
