"""The onnxruntime sessions of a bundle, and the features of a study that its decoder reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from radscribe.bundle.format import BundleSpec
from radscribe.imaging.radiograph import View
from radscribe.inference.search import State, Stepped
from radscribe.labels import COURSE, view_code
from radscribe.runtime.onnx_session import open_session

Array = npt.NDArray[Any]
CACHE_BLOCK = 8  # positions by which a cache of keys or values grows
OUTPUTS = ("probabilities", "pooled", "grid", "maps")  # of encoders, which decoders may read


def join_views(outputs: dict[str, Array], views: Sequence[Sequence[View]]) -> dict[str, Array]:
    """Join consecutive images into N studies: means of vectors, cells one image after the other.

    Parameters
    ----------
    outputs : dict of str to Array
        By name, of all images: vectors `[M, K]`, and planes `[M, K, h, w]`.
    views : Sequence[Sequence[View]]
        Views of each study's images.

    Returns
    -------
    dict of str to Array
        Vectors `[N, K]`; planes as cells `[N, L, K]`, padded with zeros to the longest study; and if there
        are planes, `views` `[N, L]`, each cell's place in `labels.VIEW_KINDS`, 0 where it is padding.
    """
    edges = np.cumsum([len(kinds) for kinds in views])[:-1]
    features: dict[str, Array] = {}
    for name, values in outputs.items():
        studies = np.split(values, edges)
        if values.ndim == 2:
            features[name] = np.stack([study.mean(0) for study in studies])
            continue
        channels, per_view = values.shape[1], values.shape[2] * values.shape[3]
        features[name] = _padded(
            [study.reshape(-1, channels, per_view).swapaxes(1, 2).reshape(-1, channels) for study in studies]
        )
        codes = [np.array([view_code(view) for view in kinds], dtype=np.int64) for kinds in views]
        features["views"] = _padded([np.repeat(code, per_view) for code in codes])
    return features


def _padded(rows: Sequence[Array]) -> Array:
    """Arrays `[l, …]` as one `[N, L, …]`, zeros at the end of the shorter ones."""
    padded = np.zeros((len(rows), max(len(row) for row in rows), *rows[0].shape[1:]), rows[0].dtype)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return padded


def _longer(cache: Array) -> Array:
    """A cache `[R, heads, P, K]` with one more block of positions."""
    rows, heads, length, width = cache.shape
    grown = np.zeros((rows, heads, length + CACHE_BLOCK, width), cache.dtype)
    grown[:, :, :length] = cache
    return grown


class EncoderSession:
    """Images `[N, 1, S, S]` → the encoder's outputs by name.

    One image after the other on one thread: what it needs stays in the cache of a core, and no thread waits
    for another. Callers fill the cores by calling from several threads.
    """

    def __init__(self, folder: Path, spec: BundleSpec, device: str = "cpu") -> None:
        self._session = open_session(folder / spec.encoder.file, 1, device)
        # Fetch only what the decoder reads: the grid is large. The image's file gives the view.
        read = {name.removeprefix("prior_") for name in spec.decoder.inputs}
        self.outputs = tuple(sorted({"probabilities"} | read.intersection(OUTPUTS)))
        given = {output.name for output in self._session.get_outputs()}  # older graphs have no maps
        self._with_maps = tuple(sorted({*self.outputs, *({"maps"} & given)}))

    def __call__(self, images: npt.NDArray[np.float32], maps: bool = False) -> dict[str, Array]:
        """With `maps`, also the maps of the findings, where the graph gives them."""
        outputs = self._with_maps if maps else self.outputs
        runs = [self._session.run(outputs, {"images": image[None]}) for image in images]
        return {name: np.concatenate(got) for name, *got in zip(outputs, *runs, strict=True)}


class Begun(NamedTuple):
    """What a decoder starts from, of N studies."""

    state: State  # before `<bos>`
    fixed: State  # what of it stays the same at every word
    course: Array | None  # [N, F, 6] probabilities of what became of each finding, see `labels.COURSE`


class DecoderSession:
    """One word of the caption after the other, for N rows at once."""

    def __init__(self, folder: Path, spec: BundleSpec, device: str = "cpu") -> None:
        # One step is a few small matrix products: threads would cost more than they bring.
        self._init = open_session(folder / spec.decoder.init_file, 1, device)
        self._step = open_session(folder / spec.decoder.step_file, 1, device)
        self._inputs = spec.decoder.inputs
        self._states = [f"state_{name}" for name in spec.decoder.states]
        self._moving = len(self._states) - len(spec.decoder.fixed)
        self._outputs = ["log_probabilities", *(f"next_{name}" for name in self._states[: self._moving])]
        self._appended = [spec.decoder.states.index(name) for name in spec.decoder.appended]
        self._position = spec.decoder.states.index("position") if self._appended else 0
        # Caches grow by blocks, unless the graph is older and fixes their length.
        lengths = {x.name: x.shape[2] for x in self._step.get_inputs() if len(x.shape) == 4}
        grows = any(isinstance(lengths[self._states[place]], str) for place in self._appended)
        self._growing = self._appended if grows else []
        self.attends = any(output.name == "attention" for output in self._step.get_outputs())
        self._outputs += ["attention"] if self.attends else []
        self._begun = list(self._states)
        if any(output.name == COURSE for output in self._init.get_outputs()):
            self._begun.append(COURSE)

    def init_state(self, features: dict[str, Array]) -> tuple[State, State]:
        """The state before `<bos>`, and what of it stays the same at every word; features of N studies."""
        state, fixed, _ = self.begin(features)
        return state, fixed

    def begin(self, features: dict[str, Array]) -> Begun:
        """Read the features of N studies."""
        begun = self._init.run(self._begun, {name: features[name] for name in self._inputs})
        course = begun.pop() if len(begun) > len(self._states) else None
        for place in self._growing:
            begun[place] = begun[place][:, :, :CACHE_BLOCK].copy()
        return Begun(tuple(begun[: self._moving]), tuple(begun[self._moving :]), course)

    def step(self, token: npt.NDArray[np.int64], state: State, fixed: State) -> Stepped:
        """Previous tokens `[N]` → log-probabilities `[N, V]` of the next, the next state, and attention.

        Caches are written in place: `state` must not be used again.
        """
        feed: dict[str, Array] = {"token": token, **dict(zip(self._states, (*state, *fixed), strict=True))}
        log_probabilities, *following = self._step.run(self._outputs, feed)
        attention = following.pop() if self.attends else None
        if self._appended:
            rows, here = np.arange(len(token)), state[self._position]
            full = bool(self._growing) and int(here.max()) >= state[self._growing[0]].shape[2]
            for place in self._appended:
                cache = _longer(state[place]) if full else state[place]
                cache[rows, ..., here, :] = following[place][..., 0, :]
                following[place] = cache
        return log_probabilities, tuple(following), attention
