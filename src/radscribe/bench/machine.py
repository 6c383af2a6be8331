"""The machine and the versions that the figures are of; `unknown` where a system does not tell."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

from radscribe.runtime.onnx_session import available_cores

UNKNOWN = "unknown"
# What onnxruntime's kernels of float32 and int8 products ask for: x86, then ARM.
VECTORS = (
    *("avx", "avx2", "fma", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8"),
    *("asimd", "asimddp", "i8mm", "bf16", "sve"),
)


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory, vector instructions, load when it began."""
    processor = _text("/proc/cpuinfo")
    flags = (_field(processor, "flags") or _field(processor, "Features") or "").split()
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _text("/proc/meminfo"), re.M)
    return {
        "processor": _field(processor, "model name") or platform.processor() or UNKNOWN,
        "architecture": platform.machine() or UNKNOWN,
        "cores": available_cores(),
        "cores_of_machine": os.cpu_count(),
        "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else None,
        "vectors": [name for name in VECTORS if name in flags],
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def versions(bundle: str) -> dict[str, str]:
    """What runs; `bundle` is the bundle's id."""
    import numpy
    import onnxruntime

    from radscribe._version import __version__

    return {
        "radscribe": __version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "onnxruntime": onnxruntime.__version__,
        "bundle": bundle,
    }


def resident_mb() -> float | None:
    """Resident memory of this process now."""
    return _status("VmRSS")


def peak_mb() -> float | None:
    """The most that this process ever had resident."""
    return _status("VmHWM")


def _status(field: str) -> float | None:
    found = re.search(rf"^{field}:\s+(\d+) kB", _text("/proc/self/status"), re.M)
    return int(found[1]) / 1024 if found else None


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"^{name}\s*: (.+)$", text, re.M)
    return found[1].strip() if found else None


def _text(path: str) -> str:
    """A file of the system, empty where there is none."""
    file = Path(path)
    return file.read_text(errors="replace") if file.is_file() else ""
