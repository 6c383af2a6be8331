"""onnxruntime sessions over the graphs of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe.bundle.format import BundleSpec
from radscribe.imaging.onnx_session import open_session

Array = npt.NDArray[Any]
State = tuple[Array, ...]


class EncoderSession:
    """Images `[N, 1, S, S]` → the encoder's outputs by name."""

    def __init__(self, folder: Path, spec: BundleSpec, threads: int | None = None) -> None:
        self._session = open_session(folder / spec.encoder.file, threads)
        # Fetch only what the decoder reads: the grid is large.
        self.outputs = tuple(sorted({"probabilities", *spec.decoder.inputs}))

    def __call__(self, images: npt.NDArray[np.float32]) -> dict[str, Array]:
        return dict(zip(self.outputs, self._session.run(self.outputs, {"images": images}), strict=True))


class DecoderSession:
    """One word of the caption after the other, for N rows at once."""

    def __init__(self, folder: Path, spec: BundleSpec) -> None:
        # One step is a few small matrix products: threads would cost more than they bring.
        self._init = open_session(folder / spec.decoder.init_file, threads=1)
        self._step = open_session(folder / spec.decoder.step_file, threads=1)
        self._inputs = spec.decoder.inputs
        self._state_inputs = [f"state_{name}" for name in spec.decoder.states]
        self._outputs = ["log_probabilities", *(f"next_{name}" for name in self._state_inputs)]

    def init_state(self, features: dict[str, Array]) -> State:
        """The state before `<bos>`; `features` hold N studies."""
        return tuple(self._init.run(self._state_inputs, {name: features[name] for name in self._inputs}))

    def step(self, token: npt.NDArray[np.int64], state: State) -> tuple[npt.NDArray[np.float32], State]:
        """Previous tokens `[N]` → log-probabilities `[N, V]` of the next, and the next state."""
        feed: dict[str, Array] = {"token": token, **dict(zip(self._state_inputs, state, strict=True))}
        log_probabilities, *state_out = self._step.run(self._outputs, feed)
        return log_probabilities, tuple(state_out)
