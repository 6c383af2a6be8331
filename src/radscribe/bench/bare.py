"""The bundle's encoder through onnxruntime and nothing else: what end to end is measured against."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort


class BareEncoder:
    """onnxruntime as it comes, but for the number of threads.

    Parameters
    ----------
    path : of the graph.
    threads : as many as the captioner's encoder has.
    """

    def __init__(self, path: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, images: npt.NDArray[np.float32], batch: int) -> None:
        """Run over decoded images `[N, 1, S, S]`, `batch` at a time."""
        for start in range(0, len(images), batch):
            self._session.run(["probabilities"], {"images": images[start : start + batch]})
