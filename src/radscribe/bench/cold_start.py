"""A cold `radscribe caption` of one image, the whole process, against bare imports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from radscribe.bench import process_cost
from radscribe.bench.measuring import Goal, Result, Spread
from radscribe.bench.setting import Setting
from radscribe.errors import RadscribeError


def cost(command: list[str]) -> dict[str, Any]:
    """Measure the wall seconds and the peak resident megabytes of a process.

    Raises
    ------
    RadscribeError
        The process failed.
    """
    launcher = str(Path(process_cost.__file__))
    ended = subprocess.run([sys.executable, launcher, *command], capture_output=True, text=True, check=False)
    if ended.returncode:
        last = ended.stderr.strip().rpartition("\n")[2]
        raise RadscribeError(f"failed with exit code {ended.returncode}: {last}", subject=" ".join(command))
    figures: dict[str, Any] = json.loads(ended.stdout)
    return figures


def cold_start(setting: Setting) -> Iterator[Result]:
    """Compare the two processes in turn. The first round warms the disk cache and does not count."""
    image, bundle = str(setting.files[0]), str(setting.bundle.folder)
    commands = {
        "caption": [sys.executable, "-m", "radscribe.cli.main", "caption", image, "--bundle", bundle],
        "imports": [sys.executable, "-c", "import numpy, onnxruntime"],
    }
    rounds = [
        {name: cost(command) for name, command in commands.items()} for _ in range(setting.scale.starts + 1)
    ][1:]
    yield Result(
        "cold-start",
        "time of a whole `radscribe caption` of one image, over `import numpy, onnxruntime`",
        Spread.of(costs["caption"]["seconds"] / costs["imports"]["seconds"] for costs in rounds),
    )
    yield Result(
        "cold-start.seconds",
        "a whole `radscribe caption` of one image",
        Spread.of(costs["caption"]["seconds"] for costs in rounds),
        "s",
        Goal(1.0, at_least=False),
    )
    peaks = [costs["caption"]["peak_mb"] for costs in rounds]
    yield Result(
        "cold-start.memory",
        "peak resident memory of that process",
        None if None in peaks else Spread.of(peaks),
        "MB",
        Goal(350, at_least=False),
    )
