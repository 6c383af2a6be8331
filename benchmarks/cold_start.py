"""How long a cold `radscribe caption` of one PNG takes and how much memory, beside bare imports, in turn.

    python -m benchmarks.cold_start [IMAGE]

Without IMAGE a phantom is drawn. Wall time is of the whole process, the median of the runs; memory is the
highest of its resident sets.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from radscribe.imaging import phantom

RUNS = 7
GOAL_SECONDS, GOAL_MB = 1.0, 350


def timed(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes of a process that ends well."""
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command} ended with {child.returncode}")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        image = Path(sys.argv[1]) if sys.argv[1:] else Path(folder) / "chest.png"
        if not sys.argv[1:]:
            phantom.save(phantom.draw(1, ()), image)
        commands = {
            "radscribe caption": [sys.executable, "-m", "radscribe.cli.main", "caption", str(image)],
            "import numpy, onnxruntime": [sys.executable, "-c", "import numpy, onnxruntime"],
        }
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(RUNS + 1):
            for name, command in commands.items():
                runs[name].append(timed(command))
    medians = {}
    for name, values in runs.items():
        seconds, memory = zip(*values[1:], strict=True)  # the first one warms the disk's cache
        medians[name] = statistics.median(seconds)
        print(
            f"{name:26} {medians[name]:.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), "
            f"{max(memory):.0f} MB"
        )
    ours, bare = medians.values()
    print(f"ratio {ours / bare:.1f}; goal {GOAL_SECONDS} s and {GOAL_MB} MB")


if __name__ == "__main__":
    main()
