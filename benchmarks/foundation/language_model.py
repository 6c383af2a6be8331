"""Size, speed and memory of a language model of distilgpt2's shape, with random weights.

    python -m benchmarks.foundation.language_model [--vocabulary N] [--cells L] [--tokens T]

Exports the decoder, puts the step's weights in int8, and searches for captions of exactly T tokens with a
beam of 3 under the constraints of a caption: one study, and 8 together. Weights are random, so the texts mean
nothing; time and memory do not depend on them. Processor time is printed beside the wall's, as it tells the
cost on a machine that is busy otherwise.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from radscribe.bundle.format import BundleSpec, DecoderSpec, EncoderSpec
from radscribe.export.bundle import _export_decoder
from radscribe.export.quantise import quantise_weights
from radscribe.inference.constraints import Claims, of_a_caption
from radscribe.inference.constraints.rules import Scores, Tokens
from radscribe.inference.search import Beam, search
from radscribe.inference.sessions import Array, DecoderSession
from radscribe.models.causal_decoder import CausalDecoder
from radscribe.models.encoder import Encoder
from radscribe.text.tokenizer import ReportTokenizer

# distilgpt2: https://huggingface.co/distilgpt2/blob/main/config.json
DISTILGPT2 = {
    "model_type": "gpt2",
    "width": 768,
    "layers": 6,
    "heads": 12,
    "inner": 3072,
    "activation": "gelu_new",
    "eps": 1e-5,
    "positions": 1024,
}
FINDINGS = tuple(f"finding {i}" for i in range(14))
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BEAM, BATCH, ROUNDS = 3, 8, 3


class NotBefore:
    """Forbids the end until a caption has its tokens."""

    def __init__(self, eos: int, tokens: int) -> None:
        self._eos, self._tokens = eos, tokens

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        if tokens.shape[1] < self._tokens:
            scores[:, self._eos] = -np.inf


class Widths(Encoder):
    """The interface of an encoder for the export."""

    def __init__(self, channels: int) -> None:
        torch.nn.Module.__init__(self)
        self.findings, self.channels = FINDINGS, channels


def features(names: tuple[str, ...], studies: int, cells: int, channels: int) -> dict[str, Array]:
    draw = np.random.default_rng(0)
    made: dict[str, Array] = {
        "grid": draw.normal(size=(studies, cells, channels)).astype(np.float32),
        "views": np.ones((studies, cells), np.int64),
        "probabilities": draw.random((studies, 14), np.float32),
    }
    return {name: made[name] for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", type=int, default=4000, help="tokens that reports use")
    parser.add_argument("--cells", type=int, default=256, help="cells of an image: 16 x 16")
    parser.add_argument("--channels", type=int, default=768)
    parser.add_argument("--tokens", type=int, default=60)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    words = ["".join(letters) for letters in itertools.islice(itertools.product(LETTERS, repeat=4), 10**6)]
    tokenizer = ReportTokenizer.of_words(words[:: len(words) // arguments.vocabulary][: arguments.vocabulary])
    decoder = CausalDecoder(
        len(tokenizer), 14, arguments.channels, architecture=DISTILGPT2, positions=arguments.tokens + 1
    )
    count = sum(parameter.numel() for parameter in decoder.parameters())
    print(f"distilgpt2's shape, {len(tokenizer):,} tokens: {count / 1e6:.1f} M parameters, random weights")
    print(
        "| weights | step, MB | 1 study, s (processor) | 8 studies, s per study (processor) | 8 against 1 |"
    )
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        kind = DecoderSpec(
            "hf:distilgpt2",
            decoder.inputs,
            decoder.states,
            arguments.tokens,
            fixed=decoder.fixed,
            appended=decoder.appended,
        )
        _export_decoder(decoder, Widths(arguments.channels), folder, kind)
        del decoder
        encoder = EncoderSpec("none", 224, FINDINGS, ("frontal",))
        spec = BundleSpec(format=1, name="x", version="0", encoder=encoder, decoder=kind, files={})
        for weights in ("float32", "int8"):
            step = folder / kind.step_file
            if weights == "int8":
                quantise_weights(step, step)
            session = DecoderSession(folder, spec)
            seconds = [timed(session, spec, tokenizer, arguments, studies) for studies in (1, BATCH)]
            size = step.stat().st_size / 1e6
            (one, one_cpu), (eight, eight_cpu) = seconds
            eight, eight_cpu = eight / BATCH, eight_cpu / BATCH
            print(
                f"| {weights} | {size:.0f} | {one:.2f} ({one_cpu:.2f}) | {eight:.2f} ({eight_cpu:.2f}) "
                f"| {one_cpu / eight_cpu:.1f} x |",
                flush=True,
            )
        inputs = features(spec.decoder.inputs, 1, arguments.cells, arguments.channels)
        held = sum(part.nbytes for part in session.init_state(inputs)[0]) / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"state of a hypothesis: {held:.1f} MB at first; "
            f"peak memory of this process, with torch: {peak:,.0f} MB"
        )


def timed(
    session: DecoderSession,
    spec: BundleSpec,
    tokenizer: ReportTokenizer,
    arguments: argparse.Namespace,
    studies: int,
) -> tuple[float, float]:
    """The least seconds, and processor seconds, of some rounds for all studies, from features to captions."""
    inputs = features(spec.decoder.inputs, studies, arguments.cells, arguments.channels)
    constraints = (
        *of_a_caption(tokenizer),
        Claims(tokenizer).of([["frontal"]] * studies),
        NotBefore(tokenizer.eos, arguments.tokens),
    )
    best, least = float("inf"), float("inf")
    for _ in range(ROUNDS + 1):  # the first one warms up
        began, worked = time.perf_counter(), time.process_time()
        state, fixed = session.init_state(inputs)
        found = search(
            session.step,
            state,
            fixed,
            strategy=Beam(BEAM),
            bos=tokenizer.bos,
            eos=tokenizer.eos,
            max_length=arguments.tokens,
            constraints=constraints,
        )
        best, least = min(best, time.perf_counter() - began), min(least, time.process_time() - worked)
        assert all(len(mine[0].tokens) == arguments.tokens for mine in found)
    return best, least


if __name__ == "__main__":
    main()
