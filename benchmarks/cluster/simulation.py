"""Simulate `radscribe batch` on 10 million images with 1 to 1,000 workers and failures.

    python -m benchmarks.cluster.simulation --measure IMAGES     # renews times.json on this machine
    python -m benchmarks.cluster.simulation --plots docs/images  # prints the table, writes two plots

The times of batches are drawn from those in `times.json`, which are CPU seconds of one core. What cannot be
measured on one machine is an assumption, and an option of this command: how often a core is lost, how long
its replacement takes, how different machines are, what storage delivers and what a core costs.
"""

from __future__ import annotations

import argparse
import heapq
import json
import platform
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

TIMES = Path(__file__).with_name("times.json")
STORAGE = (1e9, 1e10)  # bytes per second: a shared disk, a bucket
WORKERS = (1, 3, 10, 30, 100, 300, 1000)
BATCHES = 200  # batches to measure
PLANNED = 2000  # files of the list that is planned
PLANS = 10  # how often it is planned


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Assumptions that the simulation cannot measure.

    Parameters
    ----------
    images : int
        Number of images.
    shard : int
        Images per shard.
    hours_between_failures : float
        Mean time until a core is lost, with its shard.
    replacement : float
        Seconds until a lost core is replaced, without loading the engine.
    spread : float
        Standard deviation of the logarithm of the machines' speeds.
    storage : float
        Bytes per second that the storage delivers to all workers together.
    image_bytes : float
        Mean size of an image.
    dollars_per_hour : float
        Price of a core.
    """

    images: int = 10_000_000
    shard: int = 1024
    hours_between_failures: float = 24.0
    replacement: float = 60.0
    spread: float = 0.1
    storage: float = 1e9
    image_bytes: float = 400_000.0
    dollars_per_hour: float = 0.04


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements on one core.

    Parameters
    ----------
    machine : str
        Processor and software.
    batch : int
        Images per batch.
    batches : list of float
        CPU seconds of each batch.
    load : float
        CPU seconds until a worker has loaded its engine.
    plan : float
        CPU seconds of planning per image of a list.
    """

    machine: str
    batch: int
    batches: list[float]
    load: float
    plan: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A simulated run.

    Parameters
    ----------
    workers : int
        Number of cores.
    hours : float
        From the start to the last shard.
    images_per_second : float
        Over these hours.
    efficiency : float
        Images per second and core, over those of a single core.
    failures : int
        Cores that were lost.
    dollars_per_million : float
        Price of the cores for a million images.
    limit : str
        Where most of the lost time goes.
    """

    workers: int
    hours: float
    images_per_second: float
    efficiency: float
    failures: int
    dollars_per_million: float
    limit: str


def simulate(workers: int, measured: Measured, given: Assumptions, seed: int = 0) -> Outcome:
    """Simulate one run, shard by shard.

    Parameters
    ----------
    workers : int
        Number of cores.
    measured : Measured
        Times on one core.
    given : Assumptions
        Everything else.
    seed : int
        Seed of what is drawn.
    """
    generator = random.Random(seed)
    shards = -(-given.images // given.shard)
    rounds = given.shard / measured.batch
    mean = sum(measured.batches) / len(measured.batches)
    variance = sum((seconds - mean) ** 2 for seconds in measured.batches) / len(measured.batches)
    reading = given.shard * given.image_bytes * workers / given.storage  # all workers read at once
    planning = measured.plan * given.images
    speed = [generator.lognormvariate(0, given.spread) for _ in range(workers)]
    free = [(planning + measured.load, worker) for worker in range(workers)]
    heapq.heapify(free)
    failures = waited = lost = 0.0
    ends = [0.0] * workers
    for _ in range(shards):
        while True:
            now, worker = heapq.heappop(free)
            # The sum of many batches is normal, regardless of the distribution of one.
            computing = max(0.0, generator.gauss(rounds * mean, (rounds * variance) ** 0.5)) / speed[worker]
            seconds = max(computing, reading)
            failure = generator.expovariate(1 / (3600 * given.hours_between_failures))
            if failure < seconds:
                failures += 1
                back = given.replacement + measured.load
                lost += failure + back
                heapq.heappush(free, (now + failure + back, worker))
                continue
            waited += seconds - computing
            ends[worker] = now + seconds
            heapq.heappush(free, (now + seconds, worker))
            break
    total = max(ends)
    alone = measured.batch / mean
    shares = {
        "planning": planning * workers,
        "loading": measured.load * workers,
        "failures": lost,
        "storage": waited,
        "the last shards": sum(total - max(end, planning) for end in ends),
    }
    # Below a hundredth of the core hours nothing is a limit but the cores.
    largest = max(shares, key=lambda name: shares[name])
    return Outcome(
        workers,
        total / 3600,
        given.images / total,
        given.images / total / workers / alone,
        int(failures),
        total / 3600 * workers * given.dollars_per_hour / given.images * 1e6,
        largest if shares[largest] > 0.01 * total * workers else "cores",
    )


def measure(folder: Path) -> Measured:
    """Measure an engine on one core, with the images of a folder over and over."""
    from radscribe.batch.places import Folder
    from radscribe.batch.plan import find, write_plan
    from radscribe.batch.shard import Engine, Job
    from radscribe.inference.pipeline import BATCH

    found = find(str(folder))
    studies = list(found.studies)[:PLANNED]
    with tempfile.TemporaryDirectory() as place:
        listed = Path(place, "list.txt")
        listed.write_text("\n".join(f"{found.root}/{name}" for study in studies for name in study.files))
        began = time.process_time()
        for _ in range(PLANS):
            write_plan(
                Folder(f"{place}/out"),
                find(str(listed)),
                source="",
                split="",
                bundle="",
                options="",
                shard_size=None,
            )
        plan = (time.process_time() - began) / PLANS / len(studies)
    began = time.process_time()
    engine = Engine(Job(""))
    list(engine.rows(studies[:BATCH], found.root))
    load = time.process_time() - began
    seconds: list[float] = []
    for number in range(BATCHES):
        start = number * BATCH % max(1, len(studies) - BATCH)
        began = time.process_time()
        list(engine.rows(studies[start : start + BATCH], found.root))
        seconds.append(round(time.process_time() - began, 5))
    return Measured(_machine(), BATCH, seconds, round(load, 3), round(plan, 7))


def _machine() -> str:
    cpu = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(": ")[2] for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    return f"{cpu}, one core"


def plot(folder: Path, runs: dict[str, Sequence[Outcome]], alone: float) -> list[Path]:
    """Draw time and cost by number of workers, one line per name in `runs`."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "radscribe"  # the same bytes for the same figures
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for name, label in (("cluster-time", "hours"), ("cluster-cost", "dollars per million images")):
        figure, axes = pyplot.subplots(figsize=(6, 3.5))
        for title, outcomes in runs.items():
            values = [o.hours if label == "hours" else o.dollars_per_million for o in outcomes]
            axes.plot([o.workers for o in outcomes], values, "o-", label=title)
        if label == "hours":
            axes.plot(WORKERS, [alone / w for w in WORKERS], "--", color="grey", label="no limit but cores")
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.set_xscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:,g}")  # 0.1 and 1,000, not powers of ten
        axes.set_xlabel("workers (cores)")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend()
        figure.tight_layout()
        files.append(folder / f"{name}.svg")
        figure.savefig(files[-1], metadata={"Date": None})
        pyplot.close(figure)
    return files


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as a table in Markdown."""
    lines = [
        "| workers | time | images/s | efficiency | cores lost | $ per million | limit |",
        "|---:|---:|---:|---:|---:|---:|---|",
    ]
    for o in outcomes:
        lines.append(
            f"| {o.workers:,} | {o.hours:,.1f} h | {o.images_per_second:,.0f} | {o.efficiency:.2f} | "
            f"{o.failures:,} | {o.dollars_per_million:.2f} | {o.limit} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", type=Path, metavar="IMAGES")
    parser.add_argument("--plots", type=Path, metavar="DIR")
    defaults = asdict(Assumptions())
    del defaults["storage"]
    for name, value in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--storage", type=float, nargs="+", default=STORAGE)
    options = vars(parser.parse_args())
    if options["measure"]:
        TIMES.write_text(json.dumps(asdict(measure(options["measure"]))) + "\n")
        return
    measured = Measured(**json.loads(TIMES.read_text()))
    mean = sum(measured.batches) / len(measured.batches) / measured.batch
    print(f"{measured.machine}: {1000 * mean:.1f} ms per image")
    runs: dict[str, Sequence[Outcome]] = {}
    for storage in options["storage"]:
        given = Assumptions(storage=storage, **{name: options[name] for name in defaults})
        outcomes = [simulate(workers, measured, given) for workers in WORKERS]
        runs[f"storage of {storage / 1e9:g} GB/s"] = outcomes
        print(f"\nStorage of {storage / 1e9:g} GB/s:\n\n{table(outcomes)}")
    if options["plots"]:
        plot(options["plots"], runs, options["images"] * mean / 3600)


if __name__ == "__main__":
    main()
