"""Does the indication help a captioner, and does it follow the indication more than the image?

    python -m benchmarks.context.iu DATA ENCODER OUT [--cache DIR] [--seeds 0 1 2] [--part test]

DATA is a manifest of Indiana University X-ray with R2Gen's parts and indications. Two decoders are trained
per seed, which differ only in `context: [indication]`. The first captions every study of the part; the
second does so with the study's own indication, with none, with that of another study, and with indications
that claim a finding. Captions are greedy and unconstrained. Differences to the first decoder are paired,
with 95% intervals by bootstrap over studies.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from radscribe.data.leaks import PARTS
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study
from radscribe.evaluation.bootstrap import multiplicities, percentiles
from radscribe.evaluation.findings import assertions
from radscribe.evaluation.findings.assertions import FINDINGS, PRESENT, Codes, Labelled
from radscribe.evaluation.metrics.base import Corpus, Floats
from radscribe.evaluation.metrics.cider import per_study
from radscribe.evaluation.tokenisation import TOKENIZATIONS
from radscribe.models.decoder import greedy
from radscribe.text.report import Report
from radscribe.text.sentences import compares_with_prior, split_sentences
from radscribe.training.caption_data import side_by_side, with_views
from radscribe.training.config import DecoderConfig, load
from radscribe.training.decoder_inputs import encoder_features, of_images, with_context
from radscribe.training.decoder_run import WEIGHTS, load_captioner
from radscribe.training.feature_cache import FeatureCache
from radscribe.training.train_decoder import train_decoder

ARMS = {"without": (), "with": ("indication",)}
FALSE = {
    "Pneumothorax": "known large pneumothorax",
    "Cardiomegaly": "known cardiomegaly",
    "Effusion": "known large pleural effusion",
}
BATCH = 64
CONFIG = Path(__file__).with_name("iu.yaml")


def trained(arguments: argparse.Namespace, arm: str, seed: int) -> Path:
    """The run of an arm and a seed, which is trained if it is not there."""
    run: Path = arguments.out / f"{arm}-{seed}"
    if not (run / WEIGHTS).is_file():
        settings = [f"encoder={arguments.encoder}", f"seed={seed}", f"cache={arguments.cache}"]
        config = load(DecoderConfig, CONFIG, [*settings, f"context=[{', '.join(ARMS[arm])}]"])
        train_decoder(arguments.data, run, config, resume=run.is_dir())
    return run


def captions(run: Path, manifest: Manifest, studies: Sequence[Study], cache: Path) -> list[str]:
    """Greedy captions of studies by a run."""
    encoder, decoder, tokenizer, config = load_captioner(run)
    kinds = of_images(decoder.inputs)
    names = [image.path for study in studies for image in study.images]
    table = FeatureCache(cache, encoder, kinds).table(manifest.root, names)
    features = with_context(encoder_features(table, kinds), decoder.inputs, tokenizer)
    found: list[str] = []
    for first in range(0, len(studies), BATCH):
        generator = random.Random(0)
        batch = side_by_side([features(study, generator) for study in studies[first : first + BATCH]])
        words = greedy(decoder, batch, tokenizer.bos, tokenizer.eos, config.max_length)
        found += map(tokenizer.decode, words.tolist())
    return found


def asked(study: Study, indication: str) -> Study:
    """The study with another indication."""
    return replace(study, report=replace(study.report or Report(), indication=indication))


def ways(studies: list[Study]) -> dict[str, tuple[str, list[Study]]]:
    """For each row of the table, the arm that captions, and the studies with the indications that it gets."""
    half = len(studies) // 2
    others = [*studies[half:], *studies[:half]]
    return {
        "trained without": ("without", studies),
        "with": ("with", studies),
        "without": ("with", [asked(study, "") for study in studies]),
        "swapped": ("with", [asked(s, o.indication) for s, o in zip(studies, others, strict=True)]),
        **{text: ("with", [asked(study, text) for study in studies]) for text in FALSE.values()},
    }


class Figures:
    """CIDEr-D and micro-F1 of findings of the captions of one row, by seed, with resamples of the studies."""

    def __init__(self, texts: Sequence[str], references: Sequence[str], weights: Floats) -> None:
        tokens = TOKENIZATIONS["plain"].all
        cider = per_study(Corpus(tokens(texts), [[words] for words in tokens(references)]), clipped=True)
        self.per_study, labelled = cider, Labelled()
        self.codes, true = labelled.codes(texts), labelled.codes(references)
        sums = assertions.statistics(self.codes, true, "absent")
        kept = np.asarray(assertions.asserted(true, "absent").any(0))
        drawn = np.tensordot(weights, sums, axes=1)
        self.resampled = {
            "CIDEr-D": weights @ cider / weights.sum(1),
            "micro-F1": assertions.value(drawn, kept)["micro_f1"],
        }  # the first row of weights is all ones


def flipped(finding: str, after: Codes, before: Codes, true: Codes) -> tuple[int, int]:
    """Captions that assert a finding after a false indication alone, of those without it that are right."""
    place = FINDINGS.index(finding)
    negative = (true[:, place] != PRESENT) & (before[:, place] != PRESENT)
    return int((after[negative, place] == PRESENT).sum()), int(negative.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path, help="folder of cached features (default: in OUT)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--part", choices=PARTS, default="test")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    arguments.cache = arguments.cache or arguments.out / "features"
    runs = {(arm, seed): trained(arguments, arm, seed) for seed in arguments.seeds for arm in ARMS}

    manifest = Manifest(arguments.data)
    part: Split = arguments.part
    studies = [study for study in manifest.split(part, with_images=True) if study.text("findings")]
    studies = with_views(studies, ("frontal", "lateral"))
    references = [study.text("findings") for study in studies]
    groups = [study.patient_id or study.id for study in studies]
    weights = np.concatenate([np.ones((1, len(studies))), multiplicities(groups)])
    true = Labelled().codes(references)
    rows: dict[str, list[Figures]] = {}
    texts: dict[str, list[str]] = {}
    for row, (arm, given) in ways(studies).items():
        said = [captions(runs[arm, seed], manifest, given, arguments.cache) for seed in arguments.seeds]
        rows[row] = [Figures(one, references, weights) for one in said]
        texts[row] = [text for one in said for text in one]

    seeds = ", ".join(map(str, arguments.seeds))
    print(f"{len(studies)} studies of the {part} part, seeds {seeds}; {arguments.encoder.name}\n")
    print("| indication | CIDEr-D | difference | micro-F1 | difference | comparisons |")
    print("|---|---|---|---|---|---|")
    for row, by_seed in rows.items():
        cells = []
        for name in ("CIDEr-D", "micro-F1"):
            values = np.mean([figures.resampled[name] for figures in by_seed], axis=0)
            base = np.mean([figures.resampled[name] for figures in rows["trained without"]], axis=0)
            low, high = percentiles((values - base)[1:])
            cells += [f"{values[0]:.3f}", f"{values[0] - base[0]:+.3f} ({low:+.3f} to {high:+.3f})"]
        compared = sum(any(map(compares_with_prior, split_sentences(text))) for text in texts[row])
        print(f"| {row} | {' | '.join(cells)} | {compared} of {len(texts[row])} |")
    gained = np.mean([figures.per_study for figures in rows["with"]], axis=0)
    gained -= np.mean([figures.per_study for figures in rows["trained without"]], axis=0)
    top, few = np.sort(gained)[::-1], len(gained) // 20
    print(
        f"\nCIDEr-D of a study with its indication: median difference {np.median(gained):+.3f}; the "
        f"{few} studies that gain most make {top[:few].sum() / top.sum():.0%} of the mean."
    )
    print("\n| false indication | finding asserted without it | negative findings flipped |\n|---|---|---|")
    for finding, text in FALSE.items():
        place = FINDINGS.index(finding)
        both = list(zip(rows[text], rows["without"], strict=True))
        pairs = [flipped(finding, after.codes, before.codes, true) for after, before in both]
        asserted = sum(int((before.codes[:, place] == PRESENT).sum()) for _, before in both)
        turned, negative = (sum(counts) for counts in zip(*pairs, strict=True))
        share = f"{turned} of {negative} ({turned / negative:.1%})"
        print(f"| {text} | {asserted} of {len(both) * len(true)} | {share} |")


if __name__ == "__main__":
    main()
