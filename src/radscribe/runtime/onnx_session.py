"""An onnxruntime session on the CPU, opened the one way that radscribe opens them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from radscribe.errors import BundleError


def available_cores() -> int:
    """Cores that this process may use, where the system tells; else those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_session(path: Path, threads: int | None = None) -> Any:
    """An `InferenceSession`; `threads` None takes every core that this process may use.

    Raises
    ------
    BundleError
        The file is not a graph that onnxruntime can run.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.log_severity_level = 3  # warnings of the optimiser are not for users
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a class of its own for each status code
        raise BundleError(
            f"is not a graph that onnxruntime runs: {error}", subject=path, remedy="export it again"
        ) from error
