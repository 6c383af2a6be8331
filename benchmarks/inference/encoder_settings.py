"""Cost of each way to run the encoder, relative to that of the engine.

    python -m benchmarks.inference.encoder_settings [--bundle B] [--rounds N]

Each way runs over the same made-up images on as many cores as there are, in a separate process, in turn.
Printed are the medians over the rounds of processor time and of wall time an image, as ratios to those of
the engine in the same round, and the memory that session and runs took. Threads that spin while they wait
count in processor time, as they take the cores from other programs. The last line is how long the
session takes to open, from the plain graph and from one that was saved optimised.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime as ort

from radscribe.bundle import format as bundle_format
from radscribe.runtime.onnx_session import available_cores

IMAGES = 64


@dataclass(frozen=True)
class Way:
    """`callers` threads hand `batch` images at a time to a session."""

    batch: int = 1
    all_threads: bool = False  # one caller with every core, instead of a caller a core with one thread each
    both: bool = False  # a caller a core, and every core for each
    spinning: bool = False
    arena: bool = True
    pattern: bool = True
    level: str = "ALL"


ENGINE = Way()
WAYS = {
    "one image per core (the engine)": ENGINE,
    "2 images per core": Way(batch=2),
    "8 images per core": Way(batch=8),
    "32 images per core": Way(batch=32),
    "... without memory arena": Way(arena=False),
    "... without memory pattern": Way(pattern=False),
    "... graph optimised at extended level": Way(level="EXTENDED"),
    "all cores on one image": Way(all_threads=True),
    "all cores on 8 images": Way(all_threads=True, batch=8),
    "all cores on 32 images": Way(all_threads=True, batch=32),
    "all cores on each of some images": Way(both=True),
    "all cores on 8 images, spinning (onnxruntime's default)": Way(all_threads=True, batch=8, spinning=True),
    "all cores on 32 images, spinning": Way(all_threads=True, batch=32, spinning=True),
}


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def run(way: Way, bundle: str | None) -> tuple[float, float, float]:
    """Processor and wall milliseconds per image, and megabytes."""
    folder = bundle_format.locate(bundle)
    spec = bundle_format.describe(folder)
    cores, size = available_cores(), spec.encoder.image_size
    images = np.random.default_rng(0).random((IMAGES, 1, size, size), dtype=np.float32)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = cores if way.all_threads or way.both else 1
    options.enable_cpu_mem_arena, options.enable_mem_pattern = way.arena, way.pattern
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_ENABLE_{way.level}")
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(way.spinning)))
    before = resident_mb()
    session = ort.InferenceSession(
        str(folder / spec.encoder.file), options, providers=["CPUExecutionProvider"]
    )

    def encode(start: int) -> None:
        session.run(["probabilities"], {"images": images[start : start + way.batch]})

    with ThreadPoolExecutor(1 if way.all_threads else cores) as pool:
        list(pool.map(encode, range(0, IMAGES, way.batch)))  # the first run plans the memory
        wall, processor = time.perf_counter(), time.process_time()
        list(pool.map(encode, range(0, IMAGES, way.batch)))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return processor * 1000 / IMAGES, wall * 1000 / IMAGES, resident_mb() - before


def opening(bundle: str | None) -> tuple[float, float]:
    """Processor milliseconds of opening the encoder's graph, and the same graph saved optimised."""
    folder = bundle_format.locate(bundle)
    graph = folder / bundle_format.describe(folder).encoder.file
    with TemporaryDirectory() as temporary:
        options, saved = ort.SessionOptions(), Path(temporary) / "optimised.onnx"
        options.log_severity_level = 3
        options.optimized_model_filepath = str(saved)
        ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        taken: dict[Path, list[float]] = {graph: [], saved: []}
        for _ in range(9):
            for path, seconds in taken.items():
                began = time.process_time()
                options = ort.SessionOptions()
                options.log_severity_level, options.intra_op_num_threads = 3, 1
                ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
                seconds.append(time.process_time() - began)
        plain, optimised = (median(seconds) * 1000 for seconds in taken.values())
        return plain, optimised


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--way", help=argparse.SUPPRESS)  # the child's
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(run(Way(**json.loads(arguments.way)), arguments.bundle)))
        return
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in WAYS}
    for _ in range(arguments.rounds):
        for name, way in WAYS.items():
            command = [sys.executable, "-m", "benchmarks.inference.encoder_settings"]
            command += ["--way", json.dumps(asdict(way))]
            command += ["--bundle", arguments.bundle] if arguments.bundle else []
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            taken[name].append(tuple(json.loads(out)))
    engine = next(iter(taken.values()))
    milliseconds = median(processor for processor, _, _ in engine)
    print(f"{available_cores()} cores, onnxruntime {ort.__version__}; the engine: {milliseconds:.1f} ms")
    print("| | processor time | wall time | MB |\n|---|---|---|---|")
    for name, figures in taken.items():
        pairs = list(zip(figures, engine, strict=True))
        processor, wall = (median(a[i] / b[i] for a, b in pairs) for i in (0, 1))
        print(f"| {name} | {processor:.2f} | {wall:.2f} | {median(f[2] for f in figures):.0f} |")
    print("opening: {:.0f} ms, {:.0f} ms when saved optimised".format(*opening(arguments.bundle)))


if __name__ == "__main__":
    main()
