"""How often a decoder that learned from whole reports claims a prior or a view, and what forbidding it costs.

    python -m benchmarks.inference.claims DATA RUN...

DATA and RUN are those of benchmarks.iu_encodings: decoders of 14 scores a view, trained on every sentence of
Indiana's reports. Captions are of the validation part, searched freely and with the constraint; first the
reports themselves.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.torch_captions import captions
from radscribe.data.features import FILE, FeatureTable
from radscribe.data.manifest import Manifest
from radscribe.evaluation.findings.binary_scores import agreement
from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.metrics.registry import score
from radscribe.evaluation.tokenisation import plain
from radscribe.inference.search import Beam, Sample, Strategy
from radscribe.labels import CHESTXRAY14
from radscribe.text.findings import label
from radscribe.text.sentences import compares_with_prior, split_sentences
from radscribe.training.caption_data import side_by_side
from radscribe.training.decoder_inputs import encoder_features
from radscribe.training.decoder_run import load_decoder

SEARCHES: dict[str, Strategy] = {"beam 3": Beam(3), "sampled": Sample()}


def asserted(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Findings that each text asserts, `[N, F]`."""
    found = {text: label(text) for text in set(texts)}
    return np.array([[found[text].get(f) == "present" for f in CHESTXRAY14] for text in texts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    arguments = parser.parse_args()
    studies = list(Manifest(arguments.data).split("val"))
    views = [("frontal", "lateral")] * len(studies)  # as nearly all of them are
    reports = [study.report.findings if study.report else "" for study in studies]
    true = asserted(reports)

    def show(name: str, texts: Sequence[str], changed: str = "") -> None:
        compare = np.mean([any(map(compares_with_prior, split_sentences(text))) for text in texts])
        scores = score(Corpus([tuple(plain(t)) for t in texts], [[tuple(plain(r))] for r in reports]))
        print(
            f"| {name} | {compare:.1%} | {changed} | {scores['bleu_4']:.3f} | {scores['cider_d']:.3f} "
            f"| {agreement(asserted(texts), true).f1:.3f} |"
        )

    print("| captions | compare with a prior | changed | BLEU-4 | CIDEr-D | findings, micro-F1 |")
    print("|---|---:|---:|---:|---:|---:|")
    show("the reports themselves", reports)
    for run in arguments.runs:
        decoder, tokenizer, config = load_decoder(run)
        source = encoder_features(FeatureTable.load(arguments.data / FILE), decoder.inputs)
        features = side_by_side([source(study, random.Random()) for study in studies])
        for how, strategy in SEARCHES.items():
            free, kept = (
                captions(decoder, tokenizer, features, strategy, config.max_length, known)
                for known in (None, views)
            )
            changed = np.mean([a != b for a, b in zip(free, kept, strict=True)])
            show(f"{run.parent.name}, {how}", free)
            show(f"{run.parent.name}, {how}, constrained", kept, f"{changed:.1%}")


if __name__ == "__main__":
    main()
