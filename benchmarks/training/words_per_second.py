"""Words per second of training: the engine against a plain PyTorch loop, in one run.

    OMP_NUM_THREADS=1 python -m benchmarks.training.words_per_second ANNOTATION.json [--decoder NAME]

The plain loop has batches, cross-entropy, clipped gradients and AdamW. Both train the same decoder from the
same weights on the same reports (an R2Gen annotation, with noise as features), in turn, after one epoch each
to warm up. Neither figure includes validation and checkpoints.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from radscribe.data.splits import unit_hash
from radscribe.data.study import ImageRef, Study
from radscribe.models import DECODERS, Decoder
from radscribe.text.report import Report
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.caption_data import CaptionData, collate, reports_as_written
from radscribe.training.config import DecoderConfig
from radscribe.training.decoder_module import DecoderTask
from radscribe.training.engine import fit, loader
from radscribe.training.objectives import build_objective

FINDINGS, CHANNELS, CELLS = 14, 256, 49
SHAPES = {
    "probabilities": (FINDINGS,),
    "pooled": (CHANNELS,),
    "grid": (CELLS, CHANNELS),
    "maps": (CELLS, FINDINGS),
}


def plain(decoder: Decoder, data: CaptionData, config: DecoderConfig) -> list[float]:
    """Words per second of each epoch, without a framework."""
    optimiser = torch.optim.AdamW(
        decoder.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    batches = DataLoader(data, config.batch_size, shuffle=True, collate_fn=collate)
    decoder.train()
    rates: list[float] = []
    for _ in range(config.epochs):
        start, words = perf_counter(), 0
        for features, tokens, *_ in batches:
            taught = decoder(features, tokens[:, :-1])
            following = tokens[:, 1:]
            loss = F.nll_loss(taught.log_probabilities.flatten(0, 1), following.flatten(), ignore_index=0)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(decoder.parameters(), config.clip)
            optimiser.step()
            words += int((following != 0).sum())
        rates.append(words / (perf_counter() - start))
    return rates


def engine(
    decoder: Decoder, data: CaptionData, few: CaptionData, config: DecoderConfig, tokenizer: ReportTokenizer
) -> list[float]:
    """Words per second of each epoch, with the engine."""
    objective = build_objective(config, tokenizer, data.references())
    task = DecoderTask(config, decoder, tokenizer, objective)
    training = loader(data, config.batch_size, seed=config.seed, collate=collate)
    with tempfile.TemporaryDirectory() as out:
        fitted = fit(task, training, loader(few, config.batch_size, collate=collate), config, Path(out))
    return [row["words_per_second"] for row in fitted.rows]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("annotation", type=Path)
    parser.add_argument("--decoder", default="show-and-tell", choices=list(DECODERS))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--studies", type=int, default=1000)
    arguments = parser.parse_args()

    rows = json.loads(arguments.annotation.read_text())["train"][: arguments.studies]
    studies = [
        Study(row["id"], (ImageRef(f"{row['id']}.png"),), report=Report(findings=row["report"]))
        for row in rows
    ]
    config = DecoderConfig(decoder=arguments.decoder, epochs=arguments.epochs, patience=0)
    source = reports_as_written(config.target)
    tokenizer = ReportTokenizer.train(
        [source(study, random.Random()) for study in studies], config.vocabulary_size, config.min_frequency
    )

    def build() -> tuple[Decoder, CaptionData, CaptionData]:
        torch.manual_seed(0)
        decoder = DECODERS[config.decoder](len(tokenizer), findings=FINDINGS, channels=CHANNELS)

        def features(study: Study, _: random.Random) -> dict[str, Tensor]:
            generator = torch.Generator().manual_seed(int(unit_hash(study.id) * 2**32))
            return {
                name: torch.rand(shape, generator=generator)
                for name, shape in SHAPES.items()
                if name in ("probabilities", *decoder.inputs)
            }

        parts = [
            CaptionData(part, features, source, tokenizer, config.max_length)
            for part in (studies, studies[:8])
        ]
        return decoder, parts[0], parts[1]

    def rates(kind: str) -> float:
        decoder, data, few = build()
        if kind == "plain":
            return median(plain(decoder, data, config)[1:])
        return median(engine(decoder, data, few, config, tokenizer)[1:])

    threads = torch.get_num_threads()
    print(f"{config.decoder}, {len(studies)} reports, {threads} threads; words/s, median of epochs")
    ratios: list[float] = []
    kinds = ["engine", "plain"]
    for _ in range(arguments.pairs):
        of = {kind: rates(kind) for kind in kinds}
        kinds.reverse()
        ratios.append(of["engine"] / of["plain"])
        print(f"engine {of['engine']:,.0f}, plain {of['plain']:,.0f}, ratio {ratios[-1]:.3f}", flush=True)
    low, high = min(ratios), max(ratios)
    print(f"median ratio {median(ratios):.3f} ({low:.3f} to {high:.3f}); above 1 the engine is faster")


if __name__ == "__main__":
    main()
