"""Eager torch against radscribe's sessions, with the same weights and the same decoded images.

    python -m benchmarks.inference.torch_eager RUN [--rounds 7]

RUN is a captioner's run. Torch runs the encoder, then `models.decoder.greedy`. radscribe runs the graphs
that `radscribe export` makes from the run, one image per core, and the search that serves with a beam of 1
and no constraint, since `greedy` has none. Both use every core and run in turn; captions must be equal.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.inference import decoding
from radscribe.bench.measuring import Spread, figure, in_turn, ratio
from radscribe.bench.setting import draw_phantoms, encoder_inputs, repeated
from radscribe.bundle import format as bundle_format
from radscribe.export.bundle import export
from radscribe.inference.sessions import DecoderSession, EncoderSession, join_views
from radscribe.labels import view_code
from radscribe.models import decoder
from radscribe.runtime.onnx_session import available_cores
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.decoder_run import load_captioner

BATCHES = (1, 8, 32)
Captions = list[list[int]]


class Torch:
    """A run, eager."""

    def __init__(self, run: Path) -> None:
        self.encoder, self.decoder, self.tokenizer, config = load_captioner(run)
        self._longest = config.max_length

    @torch.no_grad()
    def __call__(self, images: np.ndarray) -> Captions:
        """Images `[N, 1, S, S]`, a frontal study each, → tokens without the end."""
        codes = torch.full((len(images), 1), view_code("PA"))
        features = decoder.join_views(self.encoder(torch.from_numpy(images)), codes)
        eos = self.tokenizer.eos
        rows = decoder.greedy(self.decoder, features, self.tokenizer.bos, eos, self._longest).tolist()
        return [row[: row.index(eos)] if eos in row else row for row in rows]


class Ours:
    """The bundle of the same run."""

    def __init__(self, bundle: Path, tokenizer: ReportTokenizer, threads: int) -> None:
        self._spec = bundle_format.read(bundle)
        self._encoder = EncoderSession(bundle, self._spec)
        self._decoder, self._tokenizer = DecoderSession(bundle, self._spec), tokenizer
        self._threads = threads

    def __call__(self, images: np.ndarray) -> Captions:
        with ThreadPoolExecutor(self._threads) as pool:
            seen = list(pool.map(lambda image: self._encoder(image[None]), images))
        outputs = {name: np.concatenate([output[name] for output in seen]) for name in seen[0]}
        features = join_views(outputs, [("PA",)] * len(images))
        longest = self._spec.decoder.max_length
        found = decoding.captions(self._decoder, self._tokenizer, features, longest=longest)
        return [list(best.tokens) for best in found]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    threads = available_cores()
    torch.set_num_threads(threads)
    eager = Torch(arguments.run)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(arguments.run, folder / "bundle", weights=False)
        ours = Ours(folder / "bundle", eager.tokenizer, threads)
        images = encoder_inputs(
            repeated(draw_phantoms(folder, BATCHES[-1]), BATCHES[-1]), eager.encoder.image_size
        )
        print(f"torch {torch.__version__}, {threads} threads, {arguments.rounds} rounds\n")
        print("| images at once | torch, ms per image | radscribe, ms per image | times faster | equal |")
        print("|---|---|---|---|---|")
        for batch in BATCHES:
            given = images[:batch]
            equal = sum(a == b for a, b in zip(eager(given), ours(given), strict=True))
            sides = {"torch": partial(eager, given), "ours": partial(ours, given)}
            seconds = in_turn(sides, arguments.rounds)
            each = {side: Spread.of(s * 1e3 / batch for s in seconds[side]) for side in sides}
            cells = (each["torch"], each["ours"], ratio(seconds["torch"], seconds["ours"]))
            told = [f"{figure(c.median)} ({figure(c.low)} to {figure(c.high)})" for c in cells]
            print(f"| {batch} | {' | '.join(told)} | {equal} of {batch} |", flush=True)


if __name__ == "__main__":
    main()
