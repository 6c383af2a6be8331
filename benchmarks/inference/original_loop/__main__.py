"""Decoding against the original system, which calls Keras' `predict` on the padded window for every word.

    python -m benchmarks.inference.original_loop [--venv DIR] [--captions 5]

The original's captioner (541 words, embedding 200, 256 units, window 124; random weights) decodes captions of
30 words greedily. It runs in Keras on TensorFlow, first as in the original, then in variants that remove one
cost after the other; and in radscribe, from the same weights, imported and exported. All variants run in
turn, decode the same studies and must produce the same words. TensorFlow runs in its own environment, created
on the first call, and may use every core; the decoder of radscribe uses one thread.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.imports import published
from benchmarks.inference.original_loop.keras_process import CACHE, Keras, environment, started
from benchmarks.inference.original_loop.original import talkative
from benchmarks.inference.original_loop.ours import Array, Ours, agreeing, bundle_of
from radscribe.bench.measuring import Goal, Spread, figure
from radscribe.bundle import format as bundle_format

LENGTH, VOCABULARY, SCORES, BATCH = 30, 541, 14, 32
GOAL = Goal(500, at_least=True)
ORIGINAL = "predict, padded"
KERAS = (
    ORIGINAL,
    "predict, not padded",
    "model(x), padded",
    "compiled, padded",
    "compiled, not padded",
    "compiled, state kept",
)
ALONE, BATCHED = "radscribe, alone", f"radscribe, a batch of {BATCH}"
# What each way leaves out of the one before it; their product is the whole.
CHAIN = (
    ("predict's overhead", ORIGINAL, "compiled, padded"),
    ("the padding", "compiled, padded", "compiled, not padded"),
    ("running the whole window again for every word", "compiled, not padded", "compiled, state kept"),
    ("TensorFlow's step against ONNX and numpy", "compiled, state kept", ALONE),
    ("one caption at a time", ALONE, BATCHED),
)


def measure(keras: Keras, same: Ours, embedded: Ours, scores: Array) -> dict[str, list[float]]:
    """Measure seconds per caption of each variant, one round per row of `scores`."""

    def in_keras(way: str, row: Array) -> float:
        return keras.caption(way, row.tolist(), LENGTH)[1]

    def here(decoder: Ours, batch: int, beam: int, row: Array) -> float:
        return decoder.seconds(np.repeat(row[None], batch, 0), LENGTH, beam)

    ways: dict[str, Callable[[Array], float]] = {way: partial(in_keras, way) for way in KERAS}
    for beam, of_beam in ((1, ""), (3, ", beam 3")):
        ways[f"{ALONE}{of_beam}"] = partial(here, same, 1, beam)
        ways[f"{BATCHED}{of_beam}"] = partial(here, same, BATCH, beam)
        ways[f"embedded bundle's decoder, alone{of_beam}"] = partial(here, embedded, 1, beam)
        ways[f"embedded bundle's decoder, a batch of {BATCH}{of_beam}"] = partial(here, embedded, BATCH, beam)
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for number, row in enumerate(scores):
        for way in list(ways)[:: 1 if number % 2 else -1]:
            taken[way].append(ways[way](row))
    return taken


def told(spread: Spread) -> str:
    return f"{figure(spread.median)} ({figure(spread.low)} to {figure(spread.high)})"


def table(taken: dict[str, list[float]]) -> None:
    """Print milliseconds per caption, and the ratio to the original within each round."""
    print(f"| {LENGTH} words | ms per caption, median (range) | times faster | |\n|---|---|---|---|")
    for way, seconds in taken.items():
        of = Spread.of(s * 1e3 for s in seconds)
        faster = Spread.of(a / b for a, b in zip(taken[ORIGINAL], seconds, strict=True))
        verdict = ("met" if GOAL.met(faster.median) else "MISSED") if way in (ALONE, BATCHED) else ""
        goal = f"goal {GOAL}: {verdict}" if verdict else ""
        name = f"Keras: {way}" if way in KERAS else way
        print(f"| {name} | {told(of)} | {told(faster)} | {goal} |")
    print("\nFactors of the ratio, medians of the rounds:\n")
    for what, before, after in CHAIN:
        factor = Spread.of(a / b for a, b in zip(taken[before], taken[after], strict=True)).median
        print(f"- {what}: {figure(factor)} times")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--venv", type=Path, default=CACHE, help="TensorFlow's environment")
    parser.add_argument("--captions", type=int, default=5, help="rounds, one study each")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    python = environment(arguments.venv)
    scores = np.random.default_rng(0).random((arguments.captions, SCORES)).astype(np.float32)
    words = [f"w{number}" for number in range(1, VOCABULARY + 1)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "words.txt").write_text("\n".join(words))
        model = published.save_keras(talkative(), folder, ".keras")
        same = Ours(bundle_of(model, folder / "words.txt", folder), constrained=False)
        embedded = Ours(bundle_format.locate(None), constrained=True)
        with started(python, model) as keras:
            print(f"{keras.versions}, {len(scores)} rounds\n")
            said = same.captions(scores, LENGTH)
            for way in KERAS:  # which also compiles what is compiled
                theirs = [
                    [words[n - 1] for n in keras.caption(way, row.tolist(), LENGTH)[0]] for row in scores
                ]
                if agreeing(said, theirs) < len(scores):
                    raise SystemExit(f"Keras ({way}) and radscribe say other words")
            table(measure(keras, same, embedded, scores))
            distinct = len({word for caption in said for word in caption})
            print(
                f"\nAll ways of Keras and radscribe say the same words ({distinct} distinct) of all studies."
            )


if __name__ == "__main__":
    main()
