"""onnxruntime sessions: the one place that chooses where graphs run."""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

from radscribe.errors import BundleError, RadscribeWarning, UsageError

CPU = "CPUExecutionProvider"
# What --device calls an execution provider; `auto` tries them in this order.
DEVICES: dict[str, str] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": CPU,
}
# The other devices compile for minutes or round, so they must be asked for.
AUTO = ("cuda", "rocm", "migraphx", "directml", "cpu")


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def providers(device: str = "auto") -> list[str]:
    """Return the execution providers to try, best first; the last one is always the CPU.

    Parameters
    ----------
    device : str
        ``auto``, a key of `DEVICES`, or the name of an execution provider.

    Raises
    ------
    UsageError
        If no device has this name.
    """
    import onnxruntime as ort

    here = set(ort.get_available_providers())
    name = device.lower()
    if name == "auto":
        return [DEVICES[one] for one in AUTO if DEVICES[one] in here]
    wanted = DEVICES.get(name) or next((one for one in ort.get_all_providers() if one.lower() == name), None)
    if wanted is None:
        raise UsageError(f"there is no device {device!r}", remedy=f"choose one of auto, {', '.join(DEVICES)}")
    if wanted not in here:
        _warn_once(f"the device {device} is not available in this installation of onnxruntime; using the CPU")
        return [CPU]
    return list(dict.fromkeys((wanted, CPU)))


def open_session(path: Path, threads: int | None = None, device: str = "cpu") -> Any:
    """Open an onnxruntime session.

    Parameters
    ----------
    path : Path
        The graph.
    threads : int, optional
        Threads of one run on the CPU (default: all cores that this process may use).
    device : str
        Where to run it; see `providers`. If the device fails to start, the CPU is used, with one warning.

    Returns
    -------
    onnxruntime.InferenceSession
        The session.

    Raises
    ------
    BundleError
        If the file is not a graph that onnxruntime can run.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.log_severity_level = 3  # warnings of the optimiser are not for users
    wanted = providers(device) if device != "cpu" else [CPU]
    try:
        session = ort.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:  # onnxruntime raises its own class for each status code
        if wanted == [CPU]:
            raise BundleError(
                "is not a graph that onnxruntime can run", subject=path, remedy="export it again"
            ) from error
        _warn_once(f"the device {device} does not start; using the CPU")
        return open_session(path, threads)
    if wanted[0] not in session.get_providers():  # onnxruntime falls back without an error
        _warn_once(f"the device {device} does not start; using the CPU")
    return session


@lru_cache
def _warn_once(message: str) -> None:
    warnings.warn(message, RadscribeWarning, stacklevel=3)
