"""Mutated files into `read`: no crash, no hang, nothing raised but a one-line `ImageError`.

    python -m benchmarks.imaging.fuzz --count 10000 --seed 0

File number N of seed S is always the same bytes; `--only N` makes it again, and `--keep DIR` writes it out.
The reading is done in a worker process, so that a crash of a native decoder is seen and counted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.imaging.mutations import mutate
from benchmarks.imaging.seeds import Seed, all_seeds
from benchmarks.imaging.variants import FORBIDDEN

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 5.0
MEMORY = 8 << 30  # bytes of address space of the worker
# The issue asks for PNG, JPEG and DICOM; the other formats come along.
SHARES = {"PNG": 0.25, "JPEG": 0.2, "DICOM": 0.5, "other": 0.05}


def file_number(number: int, seed: int, seeds: list[Seed]) -> tuple[str, bytes]:
    """Name and bytes of one mutated file."""
    rng = random.Random(f"{seed}:{number}")
    (kind,) = rng.choices(list(SHARES), list(SHARES.values()))
    origin = rng.choice([one for one in seeds if one.kind == kind])
    return origin.name, mutate(origin.data, rng.choice(seeds).data, rng)


def work() -> None:
    """Worker: a path a line on standard input, an outcome a line on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from radscribe.errors import ImageError
    from radscribe.imaging.reader import read

    for line in sys.stdin:
        detail = ""
        try:
            path = line.rstrip("\n")
            read(path, size=64)  # decodes some at reduced resolution
            read(path)
            kind = "read"
        except ImageError as error:
            detail = str(error)
            plain = detail.isprintable() and line.rstrip("\n") in detail
            plain = plain and not any(word in detail for word in FORBIDDEN)
            kind = "refused" if plain else "bad line"
        except BaseException:  # noqa: BLE001  whatever else comes out is what we look for
            kind, detail = "traceback", traceback.format_exc()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({"kind": kind, "detail": detail, "peak": peak}), flush=True)


class Worker:
    """The process that reads, started again after a crash or a hang."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def _start(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.imaging.fuzz", "--worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def read(self, path: Path) -> dict[str, str | int]:
        """Outcome of one file."""
        fresh = self._process is None
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        # A fresh worker imports numpy and pydicom first.
        ready, _, _ = select.select([process.stdout], [], [], LIMIT_S + (30 if fresh else 0))
        line = process.stdout.readline() if ready else ""
        if line:
            outcome: dict[str, str | int] = json.loads(line)
            return outcome
        self.stop()
        if not ready:
            return {"kind": "hang", "detail": f"over {LIMIT_S:g} s", "peak": 0}
        code = process.returncode
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return {"kind": "crash", "detail": name, "peak": 0}

    def stop(self) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            self._process = None


@dataclass
class Tally:
    """Outcome of all files."""

    kinds: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    peak: int = 0

    def lines(self) -> list[str]:
        bad = {kind: self.kinds[kind] for kind in ("crash", "hang", "traceback", "bad line")}
        return [
            f"{sum(self.kinds.values())} files: {self.kinds['read']} read, {self.kinds['refused']} refused "
            "with one line",
            ", ".join(f"{kind}: {count}" for kind, count in bad.items()),
            f"slowest {self.slowest[0]:.2f} s ({self.slowest[1]}), peak memory of the worker {self.peak} MB",
        ]


def run(numbers: range, seed: int, keep: Path | None) -> Tally:
    seeds, tally, worker = all_seeds(), Tally(), Worker()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutated"
        for number in numbers:
            name, data = file_number(number, seed, seeds)
            path.write_bytes(data)
            if keep is not None:
                (keep / f"{number}-{name}").write_bytes(data)
            start = time.perf_counter()
            outcome = worker.read(path)
            took = time.perf_counter() - start
            kind = str(outcome["kind"])
            tally.kinds[kind] += 1
            tally.peak = max(tally.peak, int(outcome["peak"]))
            if number != numbers[0]:  # the first one pays for the imports
                tally.slowest = max(tally.slowest, (took, f"number {number}, {name}"))
            if kind not in ("read", "refused"):
                tally.failures.append(f"{kind}, number {number}, {name}: {outcome['detail']}")
                print(tally.failures[-1], flush=True)
    worker.stop()
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="this one file of the seed")
    parser.add_argument("--keep", type=Path, help="write the mutated files to this folder")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work()
        return 0
    numbers = range(arguments.count) if arguments.only is None else range(arguments.only, arguments.only + 1)
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    tally = run(numbers, arguments.seed, arguments.keep)
    print("\n".join(tally.lines()))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
