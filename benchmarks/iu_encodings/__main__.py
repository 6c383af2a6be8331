"""Train and evaluate every decoder and objective on IU X-ray's encodings, and print the table.

    radscribe prepare r2gen SRC --out DATA --allow-missing --features SRC/chexnet_encodings.npz
    python -m benchmarks.iu_encodings DATA OUT [--jobs 2] [--seeds 3] [--lines NAME ...]

Jobs run side by side, a thread each; a second call goes on where the first was stopped. With jemalloc
(docs/guides/training.md) it is much quicker.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from benchmarks.iu_encodings.lines import NAMES, run_of, starts_from
from benchmarks.iu_encodings.table import show

Job = tuple[str, int]


def work(data: Path, out: Path, job: Job) -> float:
    """Run one job in a process of its own; seconds it took."""
    name, seed = job
    run = run_of(out, name, seed)
    run.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.iu_encodings.job", str(data), str(out), name, str(seed)]
    with (run / "job.log").open("a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
    return time.perf_counter() - start


def run_all(data: Path, out: Path, jobs: list[Job], at_once: int) -> None:
    """Every job after the one that it starts from."""
    waiting, done = list(jobs), set[Job]()
    running: dict[Future[float], Job] = {}
    start = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        while waiting or running:
            for job in list(waiting):
                first = starts_from(job[0])
                if len(running) < at_once and (not first or (first, job[1]) in done):
                    waiting.remove(job)
                    running[pool.submit(work, data, out, job)] = job
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lines", nargs="*", default=NAMES, choices=NAMES)
    arguments = parser.parse_args()
    names = list(arguments.lines)
    seeds = range(arguments.seeds)
    needed = dict.fromkeys([*filter(None, map(starts_from, names)), *names])
    run_all(arguments.data, arguments.out, [(n, s) for n in needed for s in seeds], arguments.jobs)
    show(arguments.data, arguments.out, names, list(seeds))


if __name__ == "__main__":
    main()
