"""The same weights in radscribe: imported, exported to ONNX and decoded by the search that serves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.inference import decoding
from radscribe.bundle import format as bundle_format
from radscribe.export.bundle import export
from radscribe.inference.constraints import of_a_caption
from radscribe.inference.sessions import DecoderSession
from radscribe.models import Encoder
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.config import CONFIG, EncoderConfig, save
from radscribe.training.encoder_run import WEIGHTS
from radscribe.training.import_weights import CaptionerOptions, EncoderOptions, import_weights

Array = npt.NDArray[np.float32]
LEAST = 0.5  # seconds of one timing


def bundle_of(model: Path, words: Path, folder: Path) -> Path:
    """Convert a Keras captioner's file to a bundle, with an untrained encoder that never runs."""
    config = EncoderConfig(backbone="efficientnet-lite0", pretrained=False, image_size=64)
    encoder = Encoder(config.backbone, config.image_size, tuple(config.findings))
    (folder / "encoder").mkdir()
    save(config, folder / "encoder" / CONFIG)
    torch.save(encoder.state_dict(), folder / "encoder" / WEIGHTS)
    import_weights(model, folder / "run", EncoderOptions(), CaptionerOptions(words, folder / "encoder"))
    export(folder / "run", folder / "bundle", weights=False)
    return folder / "bundle"


class Ours:
    """The decoder of a bundle that reads finding probabilities.

    Parameters
    ----------
    constrained : bool
        Whether to apply the constraints of serving, which the original did not have.
    """

    def __init__(self, bundle: Path, constrained: bool) -> None:
        spec = bundle_format.read(bundle)
        self._tokenizer = ReportTokenizer.load(bundle / spec.tokenizer)
        constraints = of_a_caption(self._tokenizer) if constrained else ()
        self._search = partial(
            decoding.captions, DecoderSession(bundle, spec), self._tokenizer, constraints=constraints
        )

    def captions(self, scores: Array, words: int, beam: int = 1) -> list[list[str]]:
        """Decode the best captions of N studies with probabilities `[N, F]`."""
        found = self._search({"probabilities": scores}, shortest=words, longest=words, beam=beam)
        return [[self._tokenizer.token(token) for token in best.tokens] for best in found]

    def seconds(self, scores: Array, words: int, beam: int = 1) -> float:
        """Measure seconds per caption, repeated for at least `LEAST` seconds after one untimed call."""
        self.captions(scores, words, beam)
        start, repeats = perf_counter(), 0
        while perf_counter() - start < LEAST:
            self.captions(scores, words, beam)
            repeats += 1
        return (perf_counter() - start) / repeats / len(scores)


def agreeing(ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> int:
    """Count the captions that are equal word for word."""
    return sum(list(a) == list(b) for a, b in zip(ours, theirs, strict=True))
