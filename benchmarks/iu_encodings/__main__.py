"""Train and evaluate every decoder and objective on IU X-ray's encodings, and print the table.

    radscribe prepare r2gen SRC --out DATA --allow-missing --features SRC/chexnet_encodings.npz
    python -m benchmarks.iu_encodings DATA OUT [--jobs 2] [--seeds 3] [--lines NAME ...]

Jobs run side by side, one thread each; a second call continues after the first was stopped. With jemalloc
(docs/guides/training.md) it is much quicker.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from benchmarks.iu_encodings.lines import Benchmark
from benchmarks.iu_encodings.table import show

Job = tuple[str, int]


def work(benchmark: Benchmark, job: Job) -> float:
    """Run one job in a separate process; seconds it took."""
    name, seed = job
    run = benchmark.run_of(name, seed)
    run.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    paths = [benchmark.data, benchmark.out, benchmark.configs]
    command = [sys.executable, "-m", "benchmarks.iu_encodings.job", *map(str, paths), name, str(seed)]
    if benchmark.encoder is not None:
        command.append(str(benchmark.encoder))
    with (run / "job.log").open("a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
    return time.perf_counter() - start


def run_all(benchmark: Benchmark, jobs: list[Job], at_once: int) -> None:
    """Run every job after those that it needs."""
    waiting, done = list(jobs), set[Job]()
    running: dict[Future[float], Job] = {}
    start = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        while waiting or running:
            for job in list(waiting):
                ready = all((line, job[1]) in done for line in benchmark.needs(job[0]).values())
                if len(running) < at_once and ready:
                    waiting.remove(job)
                    running[pool.submit(work, benchmark, job)] = job
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                job = running.pop(future)
                done.add(job)
                clock = time.perf_counter() - start
                print(
                    f"{clock / 60:5.1f} min  {job[0]} seed {job[1]}: {future.result():.0f} s",
                    file=sys.stderr,
                    flush=True,
                )


def run_lines(
    benchmark: Benchmark,
    names: Sequence[str],
    seeds: Sequence[int],
    at_once: int,
    peers: Sequence[Path] = (),
) -> None:
    """Run lines, each after the lines that it needs, and print the table."""
    names = list(names or benchmark.names)
    needed = list(names)
    for name in needed:  # grows: what a line needs may need others
        needed += [line for line in benchmark.needs(name).values() if line not in needed]
    run_all(benchmark, [(name, seed) for name in needed for seed in seeds], at_once)
    show(benchmark, names, seeds, peers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--jobs", type=int, default=2, help="processes at once (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="seeds per line (%(default)s)")
    parser.add_argument("--lines", nargs="*", default=(), help="names of configurations (default: all)")
    options = parser.parse_args()
    benchmark = Benchmark(options.data, options.out, Path(__file__).with_name("configs"))
    run_lines(benchmark, options.lines, range(options.seeds), options.jobs)


if __name__ == "__main__":
    main()
