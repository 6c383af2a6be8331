"""Scores that need no model on the Indiana set: with the published split, and with a split by image.

    python -m benchmarks.evaluation.table MANIFEST [--captions NAME=CSV ...] [--tokenization plain]
    python -m benchmarks.evaluation.table KAGGLE-MANIFEST --by-image

MANIFEST is of `radscribe prepare r2gen SRC --features chexnet_encodings.npz --allow-missing`, KAGGLE-MANIFEST
of `radscribe prepare iu-kaggle` with the same options. `--by-image` draws 70, 10 and 20% of images instead of
studies and scores impressions: *the other view* repeats the training caption of the same study's other image
where there is one, as a network that has memorised the images would.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from radscribe.data.features import FeatureTable
from radscribe.data.manifest import Manifest
from radscribe.data.splits import assign
from radscribe.data.study import Split, Study
from radscribe.evaluation import baselines as baseline
from radscribe.evaluation import dataset, references, run
from radscribe.evaluation.findings.assertions import Labelled
from radscribe.evaluation.records import Captions, Task
from radscribe.evaluation.references import References
from radscribe.evaluation.system_scores import Scorer, Settings, SystemScores
from radscribe.evaluation.tokenisation import TOKENIZATIONS

COLUMNS = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider_d", "micro_f1", "macro_f1")
PARTS: tuple[Split, ...] = ("train", "val", "test")


def head() -> None:
    print(f"| captions | {' | '.join(COLUMNS)} | distinct |\n|---|{'---:|' * (len(COLUMNS) + 1)}")


def row(one: SystemScores) -> None:
    cells: list[str] = []
    for name in COLUMNS:
        low, high = one.interval(name, 0.95) or (0.0, 0.0)
        cells.append(f"{one.values[name]:.3f} ({low:.3f}–{high:.3f})")
    print(f"| {one.name.replace('_', ' ')} | {' | '.join(cells)} | {one.distinct} |")


def published(arguments: argparse.Namespace) -> None:
    data = dataset.read(arguments.data, "test", "findings")
    settings = run.options(arguments.tokenization)
    labelled = Labelled()
    named = [text.partition("=") for text in arguments.captions]
    everyone = [replace(run.read_captions(Path(path), data, settings), name=name) for name, _, path in named]
    first = everyone[:1] or [Captions("reference", data.texts.texts)]
    result = run.run(data, first, everyone[1:], settings, labelled)
    print(f"{result.n} studies, tokenization {arguments.tokenization}, 95% intervals over studies.\n")
    head()
    for one in (*result.baselines, *([result.system] if everyone else []), *result.compared):
        row(one)
    for one in result.baselines:
        if one.constant:
            print(f"\n{one.name}: “{one.constant}”")


def by_image(arguments: argparse.Namespace) -> None:
    manifest = Manifest(arguments.data)
    table = FeatureTable.load(arguments.data / "features.npz")
    studies = [study for study in manifest if study.text("impression") and study.images]
    single = [replace(s, id=f"{s.id}/{i.path}", images=(i,)) for s in studies for i in s.images]
    for name, key in (("by study", "study"), ("by image", "image")):
        parts: dict[Split, list[Study]] = {part: [] for part in PARTS}
        for study in single:
            parts[assign(study.id.split("/")[0] if key == "study" else study.id)].append(study)
        made = {part: references.of(parts[part], part, "impression") for part in PARTS}
        leaking = {study.id.split("/")[0] for study in parts["train"]}
        shared = np.mean([study.id.split("/")[0] in leaking for study in made["test"].studies])
        print(
            f"\nSplit {name}: {len(made['test'].texts)} test images; {shared:.0%} have a twin in training.\n"
        )
        head()
        for one in scored(made, table, arguments.tokenization):
            row(one)


def scored(made: dict[Split, References], table: FeatureTable, tokenization: str) -> list[SystemScores]:
    labelled, test, train = Labelled(), made["test"], made["train"]
    settings = Settings(TOKENIZATIONS[tokenization])
    scorer = Scorer(
        [[text] for text in test.texts], [s.id.split("/")[0] for s in test.studies], settings, labelled
    )
    features, _ = dataset.vectors(table, test.studies)
    train_features, _ = dataset.vectors(table, train.studies)
    task = Task(
        test,
        [],
        settings,
        train=train.texts,
        val=made["val"].texts,
        train_features=train_features,
        features=features,
    )
    everyone = baseline.make(task, labelled)
    out = [scorer.score(one.name, "", one.captions, one.caption) for one in everyone]
    known: dict[str, str] = {}
    for study, text in zip(train.studies, train.texts, strict=True):
        known.setdefault(study.id.split("/")[0], text)
    generator = random.Random(0)
    twins = [known.get(study.id.split("/")[0]) or generator.choice(train.texts) for study in test.studies]
    return [*out, scorer.score("the other view", "", twins)]


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--captions", nargs="*", default=[], metavar="NAME=CSV")
    parser.add_argument("--tokenization", choices=tuple(TOKENIZATIONS), default="plain")
    parser.add_argument("--by-image", action="store_true")
    arguments = parser.parse_args(given)
    (by_image if arguments.by_image else published)(arguments)


if __name__ == "__main__":
    main()
