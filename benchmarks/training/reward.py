"""Self-critical training with each reward from one captioner: same data, seed, steps and start.

    python -m benchmarks.training.reward RUN DATA OUT [--epochs 4] [--cache FEATURES] [--only NAME ...]

RUN is a finished run of `radscribe train` with images (`benchmarks/edition_three/build.sh` makes one) and
DATA its dataset; only studies with a report take part. OUT holds the runs, and a second call goes on where
the first stopped. It prints a table of the validation and the test part, of greedy captions without the
constraints of serving:

- CIDEr-D, micro- and macro-F1 with 95% intervals, and findings on the wrong side;
- the number of different captions;
- new sentences: how many sentences of the captions occur in no training report. The start may have new ones
  too, and a new sentence may be correct; many more of them are a sign of broken grammar.
"""

from __future__ import annotations

import argparse
import csv
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import torch

from radscribe import score
from radscribe.data.manifest import Manifest, write
from radscribe.data.study import Split, Study
from radscribe.models import Decoder
from radscribe.models.decoder import greedy
from radscribe.text.sentences import split_sentences
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.caption_data import (
    CaptionData,
    collate,
    reports_as_written,
    with_views,
)
from radscribe.training.decoder_inputs import encoder_features
from radscribe.training.decoder_run import load_captioner
from radscribe.training.feature_cache import FeatureCache

REWARDS: dict[str, list[str]] = {
    "CIDEr-D": ["reward.finding_weight=0"],
    "CIDEr-D and findings": ["reward.finding_weight=1", "reward.finding_f1=micro"],
    "CIDEr-D and clinical": ["reward.finding_weight=0", "reward.clinical_weight=1"],
    "CIDEr-D and clinical, KL": [
        *("reward.finding_weight=0", "reward.clinical_weight=1", "self_critical.kl=0.1"),
    ],
}
COMMON = [
    *("objective=self-critical", "self_critical.samples=4", "self_critical.learning_rate=0.0003"),
    *("batch_size=64", "patience=0"),
]
METRICS = ("cider_d", "micro_f1", "macro_f1", "laterality_error_rate")
PARTS: tuple[Split, ...] = ("val", "test")
START = "start"


def folder_name(reward: str) -> str:
    return reward.lower().replace(",", "").replace(" ", "-")


def with_reports(data: Path, out: Path) -> Manifest:
    """The dataset without studies that have no report."""
    if not (out / "manifest.jsonl").is_file():
        out.mkdir(parents=True, exist_ok=True)
        manifest = Manifest(data)
        header = msgspec.structs.replace(manifest.header, root=str(manifest.root.resolve()))
        write(out, header, (study for study in manifest if study.report is not None))
    return Manifest(out)


def train(run: Path, data: Path, out: Path, cache: Path, reward: str, epochs: int) -> None:
    """Train with one reward, unless it is done."""
    if (out / "decoder.pt").is_file():
        return
    settings = [*COMMON, *REWARDS[reward], f"epochs={epochs}", f"init_from={run}", f"cache={cache}"]
    arguments = [part for setting in settings for part in ("--set", setting)]
    command = [sys.executable, "-m", "radscribe", "train", "--resume", "--data", str(data), "--out", str(out)]
    subprocess.run([*command, "--config", str(run / "config.json"), *arguments], check=True)


class Part:
    """Studies of one part with their features and references."""

    def __init__(self, studies: Sequence[Study], run: Path, cache: Path, root: Path) -> None:
        encoder, decoder, tokenizer, config = load_captioner(run)
        kept = with_views(studies, encoder.views)
        names = [image.path for study in kept for image in study.images]
        table = FeatureCache(cache, encoder, decoder.inputs).table(root, names)
        source = encoder_features(table, decoder.inputs)
        text = reports_as_written(config.target)
        longest = config.max_length
        self.data = CaptionData(kept, source, text, tokenizer, longest, config.target)
        self.references = self.data.references()
        self.max_length = longest

    def captions(self, decoder: Decoder, tokenizer: ReportTokenizer) -> Iterator[str]:
        """The greedy caption of each study."""
        for first in range(0, len(self.data), 64):
            places = range(first, min(first + 64, len(self.data)))
            features = collate([self.data[place] for place in places]).features
            words = greedy(decoder, features, tokenizer.bos, tokenizer.eos, self.max_length)
            yield from (tokenizer.decode(row) for row in words.tolist())


def plain(sentence: str) -> str:
    return " ".join(sentence.lower().strip(" .").split())


def known_sentences(manifest: Manifest, run: Path) -> set[str]:
    """The sentences of the training reports, as written and as they are learned."""
    _, _, tokenizer, config = load_captioner(run)
    text = reports_as_written(config.target)
    found: set[str] = set()
    for study in manifest.split("train"):
        learned = tokenizer.decode(tokenizer.encode(text(study, random.Random(0)), config.max_length))
        for whole in (learned, study.text("both")):
            found.update(map(plain, split_sentences(whole)))
    return found


def line(name: str, captions: Sequence[str], references: Sequence[str], known: set[str]) -> str:
    scores = score(list(captions), list(references), metrics=METRICS)
    cells = []
    for metric in METRICS:
        one = scores[metric]
        between = f" ({one.interval[0]:.3f} to {one.interval[1]:.3f})" if one.interval else ""
        cells.append(f"{one.value:.3f}{between}")
    sentences = [plain(sentence) for caption in captions for sentence in split_sentences(caption)]
    new = [sentence for sentence in sentences if sentence not in known]
    cells.append(str(len(set(captions))))
    cells.append(f"{len(new)} of {len(sentences)}, {len(set(new))} different")
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--cache", type=Path, help="features of the encoder (default: in OUT)")
    parser.add_argument("--only", nargs="*", choices=list(REWARDS), default=list(REWARDS))
    options = parser.parse_args()
    cache = options.cache or options.out / "features"
    torch.set_num_threads(1)
    run = options.run.resolve()
    manifest = with_reports(options.data, options.out / "studies")
    runs = {START: run}
    for reward in options.only:
        runs[reward] = options.out / folder_name(reward)
        train(run, manifest.path.parent, runs[reward], cache.resolve(), reward, options.epochs)
    known = known_sentences(manifest, run)
    for split in PARTS:
        part = Part(list(manifest.split(split)), run, cache, manifest.root)
        print(f"\n{split}, {len(part.references)} studies\n")
        print("| reward | CIDEr-D | micro-F1 | macro-F1 | wrong side | captions | new sentences |")
        print("|---|---|---|---|---|---|---|")
        for name, folder in runs.items():
            _, decoder, tokenizer, _ = load_captioner(folder)
            captions = list(part.captions(decoder, tokenizer))
            with (options.out / f"{folder_name(name)}-{split}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(("id", "report"))
                writer.writerows(zip((study.id for study in part.data.studies), captions, strict=True))
            print(line(name, captions, part.references, known), flush=True)


if __name__ == "__main__":
    main()
