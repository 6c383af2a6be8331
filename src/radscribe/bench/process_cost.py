"""Seconds and peak memory of one process: `python process_cost.py COMMAND...` prints them as JSON.

This file runs as its own process and imports next to nothing: on Linux the peak of a child includes the
memory that its parent had resident at the start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main(command: list[str]) -> int:
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak: float | None = None
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    else:
        child.wait()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak_mb": peak}))
    return child.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
