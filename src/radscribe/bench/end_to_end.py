"""Captions from files: against the bare encoder on decoded images, and against another bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from radscribe.bench.measuring import Goal, Result, Spread, in_turn, ratio
from radscribe.bench.setting import LoadedBundle, Setting, encoder_inputs, repeated

Images = npt.NDArray[np.float32]
BATCH = 8
GOAL = Goal(0.9, at_least=True)


class BareEncoder:
    """The bundle's encoder in onnxruntime with default settings and a set number of threads.

    It uses several cores in two ways: all at one batch, or each core at its own image.

    Parameters
    ----------
    path : Path
        Path of the graph.
    threads : int
        Number of threads, the same as the captioner has.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._threads = threads
        self._wide, self._narrow = _session(path, threads), _session(path, 1)

    def batched(self, images: Images, batch: int = BATCH) -> None:
        """Run decoded images `[N, 1, S, S]`, `batch` at a time, each batch on all cores."""
        for start in range(0, len(images), batch):
            _run(self._wide, images[start : start + batch])

    def one(self, image: Images) -> None:
        """Run one decoded image `[S, S]` on one core; may be called from several threads."""
        _run(self._narrow, image[None, None])

    def one_per_core(self, images: Images) -> None:
        """Run decoded images `[N, 1, S, S]`, each on its own core."""
        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(lambda image: _run(self._narrow, image[None]), images):
                pass


def end_to_end(setting: Setting) -> Iterator[Result]:
    """Compare reading, chest check, resizing, encoder and beam 3 with only the encoder."""
    bundle, files = setting.bundle, repeated(setting.files, setting.scale.studies)
    bare = BareEncoder(bundle.encoder, setting.threads)
    tensors = encoder_inputs(files, bundle.spec.encoder.image_size)
    seconds = in_turn(
        {
            "files": lambda: list(bundle.captioner.stream(files)),
            "one per core": lambda: bare.one_per_core(tensors),
            "batched": lambda: bare.batched(tensors),
        },
        setting.scale.rounds,
    )
    rates = "studies/s from files to captions (beam 3), over images/s of the bare encoder on decoded images,"
    yield Result(
        "end-to-end",
        f"{rates} one per core",
        ratio(seconds["one per core"], seconds["files"]),
        goal=GOAL,
    )
    yield Result(
        "end-to-end.batched",
        f"{rates} batches of {BATCH} on all cores",
        ratio(seconds["batched"], seconds["files"]),
        goal=GOAL,
    )
    yield Result(
        "end-to-end.rate",
        "from files to captions",
        Spread.of(len(files) / s for s in seconds["files"]),
        "studies/s",
    )


def against(setting: Setting) -> Iterator[Result]:
    """Compare the bundle with another one, such as int8 with float32: its bare encoder, and end to end."""
    assert setting.against is not None  # checked by `run.chosen`
    files = repeated(setting.files, setting.scale.studies)
    bundles = {"this": setting.bundle, "other": setting.against}

    def encoder(bundle: LoadedBundle) -> Callable[[], object]:
        bare = BareEncoder(bundle.encoder, setting.threads)
        tensors = encoder_inputs(files, bundle.spec.encoder.image_size)
        return lambda: bare.one_per_core(tensors)

    def captions(bundle: LoadedBundle) -> Callable[[], object]:
        return lambda: list(bundle.captioner.stream(files))

    for name, meaning, side in (
        ("encoder", "images/s of the bare encoder, one per core", encoder),
        ("end-to-end", "studies/s from files to captions (beam 3)", captions),
    ):
        seconds = in_turn({key: side(bundle) for key, bundle in bundles.items()}, setting.scale.rounds)
        yield Result(
            f"against.{name}",
            f"{meaning}, over that of {setting.against.spec.id}",
            ratio(seconds["other"], seconds["this"]),
        )


def _session(path: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _run(session: Any, images: Images) -> None:
    session.run(["probabilities"], {"images": images})
