"""The bundle's encoder through onnxruntime and nothing else: what end to end is measured against."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

Images = npt.NDArray[np.float32]
BATCH = 8  # a usual batch


class BareEncoder:
    """onnxruntime as it comes, but for the number of threads, in both ways to use several cores.

    Parameters
    ----------
    path : Path
        Path of the graph.
    threads : int
        As many as the captioner has.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._threads = threads
        self._wide, self._narrow = _session(path, threads), _session(path, 1)

    def batched(self, images: Images, batch: int = BATCH) -> None:
        """All cores at one batch: decoded images `[N, 1, S, S]`, `batch` at a time."""
        for start in range(0, len(images), batch):
            _run(self._wide, images[start : start + batch])

    def one_a_core(self, images: Images) -> None:
        """Each core at an image of its own."""
        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(lambda image: _run(self._narrow, image[None]), images):
                pass


def _session(path: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _run(session: Any, images: Images) -> None:
    session.run(["probabilities"], {"images": images})
