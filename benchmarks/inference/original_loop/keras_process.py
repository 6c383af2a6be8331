"""Keras on TensorFlow in its own environment and process: neither comes near the project's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "radscribe" / "original-loop"


def environment(venv: Path) -> Path:
    """Its python; made (1.5 GB on disk) where there is none."""
    python = venv / "bin" / "python"
    tried = [str(python), "-c", "import tensorflow"]
    if not python.exists() or subprocess.run(tried, check=False, capture_output=True).returncode:
        print(f"installing tensorflow-cpu into {venv} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        pins = str(HERE / "constraints.txt")
        subprocess.run([*pip, "--constraint", pins, "tensorflow-cpu"], check=True)
    return python


class Keras:
    """Asks the process for captions."""

    def __init__(self, process: subprocess.Popen[str], log: IO[str]) -> None:
        self._process, self._log = process, log
        self.versions: str = self._answer()["versions"]

    def caption(self, way: str, scores: Sequence[float], words: int) -> tuple[list[int], float]:
        """The words' numbers, and the seconds that they took there."""
        assert self._process.stdin is not None
        print(
            json.dumps({"way": way, "scores": list(scores), "words": words}),
            file=self._process.stdin,
            flush=True,
        )
        answer = self._answer()
        return answer["words"], answer["seconds"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise SystemExit(f"{self._log.read()}\nKeras' process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def started(python: Path, model: Path) -> Iterator[Keras]:
    """The process, until the end of the block."""
    quiet = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    command: list[str | Path] = [python, HERE / "keras_loops.py", model]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | quiet
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+") as log,  # TensorFlow talks much
        subprocess.Popen(command, text=True, env=environ, stdin=pipe, stdout=pipe, stderr=log) as process,
    ):
        try:
            yield Keras(process, log)
        finally:
            assert process.stdin is not None
            process.stdin.close()
