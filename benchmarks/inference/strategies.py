"""Captions of the embedded bundle by each search strategy, on the validation part, in one run.

    python -m benchmarks.inference.strategies DATA

DATA is the folder with the manifest of benchmarks.edition_one.nih. Micro-F1 is of the findings that captions
assert, by the labeller, against the images' labels. The time of a search is the thread's processor time,
beside that of greedy search, in batches of 8 studies. At the end beam search is timed against greedy search
from files to captions, in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import radscribe
from benchmarks.edition_one.measure import asserted, truth
from radscribe.bundle import format as bundle_format
from radscribe.data.manifest import Manifest
from radscribe.evaluation.findings.binary_scores import agreement
from radscribe.inference.constraints import Claims, of_a_caption
from radscribe.inference.search import (
    Beam,
    DiverseBeam,
    Greedy,
    Hypothesis,
    LengthPenalty,
    Sample,
    Strategy,
    Total,
    search,
)
from radscribe.inference.sessions import DecoderSession
from radscribe.text.tokenizer import ReportTokenizer

BATCH, PAIRS, FILES = 8, 7, 64
STRATEGIES: dict[str, Strategy] = {
    "greedy (`--beam 1`)": Greedy(),
    "beam 3, mean (the default)": Beam(3),
    "beam 3, total (`--length-penalty 0`)": Beam(3, Total()),
    "beam 3, `--length-penalty 0.6`": Beam(3, LengthPenalty(0.6)),
    "beam 10, mean (`--beam 10`)": Beam(10),
    "`--beam 6 --diverse 3`": DiverseBeam(6, 3),
    "`--beam 6 --diverse 6 --diversity 1`": DiverseBeam(6, 6, 1.0),
    "`--sample`": Sample(),
    "`--sample --temperature 0.5`": Sample(temperature=0.5),
    "`--sample --top-k 10`": Sample(top_k=10),
    "`--sample --top-p 0.9`": Sample(top_p=0.9),
    "`--sample --top-p 0.9 --n-best 5`": Sample(5, top_p=0.9),
}


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    manifest = Manifest(parser.parse_args(given).data)
    studies = list(manifest.split("val"))
    paths = [manifest.root / study.images[0].path for study in studies]
    captioner = radscribe.load()
    folder = bundle_format.locate(None)
    spec = bundle_format.read(folder)
    decoder, words = DecoderSession(folder, spec), ReportTokenizer.load(folder / spec.tokenizer)
    rules, claims = of_a_caption(words), Claims(words)
    seen = [caption.findings for caption in captioner.stream(paths, beam=1, force=True)]
    probabilities = np.array([[of[f] for f in captioner.findings] for of in seen], dtype=np.float32)
    true = truth(studies, captioner.findings)

    def find(strategy: Strategy, claiming: bool = False) -> tuple[list[list[Hypothesis]], float]:
        found: list[list[Hypothesis]] = []
        began = time.thread_time()
        for start in range(0, len(studies), BATCH):
            part = probabilities[start : start + BATCH]
            found += search(
                decoder.step,
                *decoder.init_state({"probabilities": part}),
                strategy=strategy,
                bos=words.bos,
                eos=words.eos,
                max_length=spec.decoder.max_length,
                constraints=rules if claiming else (*rules, claims.of([["PA"]] * len(part))),
            )
        return found, (time.thread_time() - began) / len(studies)

    find(Beam(2))
    base = min(find(Greedy())[1] for _ in range(3))
    print(f"{captioner.bundle}, {len(studies)} validation images; greedy search takes {base * 1e3:.2f} ms\n")
    print(
        "| strategy | distinct captions | tokens | log-probability per token | different captions per study "
        "| micro-F1 | assert no finding | time |\n|---|---:|---:|---:|---:|---:|---:|---:|"
    )
    for name, strategy in STRATEGIES.items():
        found, seconds = min((find(strategy) for _ in range(3)), key=lambda run: run[1])
        best = [hypotheses[0] for hypotheses in found]
        texts = [words.decode(hypothesis.tokens) for hypothesis in best]
        said = asserted(texts, captioner.findings)
        print(
            f"| {name} | {len(set(texts))} | {np.mean([len(h.tokens) for h in best]):.1f} "
            f"| {np.mean([h.log_probability / len(h.log_probabilities) for h in best]):.2f} "
            f"| {np.mean([len({h.tokens for h in hypotheses}) for hypotheses in found]):.1f} "
            f"| {agreement(said, true).f1:.3f} | {(~said.any(1)).mean():.0%} | {seconds / base:.1f} |"
        )
    free = find(Beam(3), claiming=True)[0]
    changed = sum(a[0] != b[0] for a, b in zip(free, find(Beam(3))[0], strict=True))
    print(f"\nCaptions of beam 3 that the constraint on claims changes: {changed}.")

    spent: list[list[float]] = []
    for _ in range(PAIRS):
        pair = []
        for beam in (1, 3):
            began, used = time.perf_counter(), time.process_time()
            for _ in captioner.stream(paths[:FILES], beam=beam, force=True):
                pass
            pair += [time.perf_counter() - began, time.process_time() - used]
        spent.append(pair)
    for name, one, other in (("wall", 0, 2), ("processor", 1, 3)):
        ratios = [pair[other] / pair[one] for pair in spent]
        print(
            f"Beam 3 to greedy from {FILES} files to captions, {name} time: {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f} in {PAIRS} pairs)."
        )


if __name__ == "__main__":
    main()
