"""The table of all lines, and how far the best one is above the best constant.

The best line and its search are chosen on the validation part, by the mean over seeds of CIDEr-D and micro-F1
of findings; the test part is only scored.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.iu_encodings.job import BEAMS, captions_of
from benchmarks.iu_encodings.lines import run_of
from radscribe.data.study import Split
from radscribe.evaluation import baselines, dataset, run
from radscribe.evaluation.baselines import Material
from radscribe.evaluation.clinical import Labelled
from radscribe.evaluation.dataset import Dataset
from radscribe.evaluation.evaluate import seed_spread
from radscribe.evaluation.metrics import TITLES
from radscribe.evaluation.scored import Scored, Scorer, difference, mean_of_seeds
from radscribe.evaluation.tokenization import TOKENIZATIONS

COLUMNS = (*("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider_d", "micro_f1", "macro_f1"),)
CONFIDENCE = 0.95
Choice = tuple[str, str]  # a line and a search


class Part:
    """One part of the dataset under one tokenization, with everything that is scored on it."""

    def __init__(self, data: Path, part: Split, tokenization: str, labelled: Labelled) -> None:
        self.data, self.part = dataset.read(data, part, "findings"), part
        self.options = run.options(tokenization)
        references = self.data.references
        self.scorer = Scorer(
            [[text] for text in references.texts], references.groups, self.options.settings, labelled
        )

    def seeds(self, out: Path, choice: Choice, seeds: list[int]) -> list[Scored]:
        """The captions of a line's runs by a search, scored."""
        line, search = choice
        paths = [captions_of(run_of(out, line, seed), self.part, search) for seed in seeds]
        return [
            self.scorer.score(line, search, run.read_captions(path, self.data, self.options).texts)
            for path in paths
        ]

    def baselines(self) -> list[Scored]:
        """What needs no model."""
        data = self.data
        assert data.train is not None and data.val is not None and data.table is not None
        features, _ = dataset.vectors(data.table, data.references.studies)
        train_features, _ = dataset.vectors(data.table, data.train.studies)
        material = Material(
            data.train.texts,
            data.val.texts,
            len(data.references.texts),
            self.options.settings.tokenization,
            self.scorer.labelled,
            train_features=train_features,
            features=features,
        )
        return [self.scorer.score(b.name, b.description, b.captions) for b in baselines.make(material)]


def choose(data: Path, out: Path, names: list[str], seeds: list[int], labelled: Labelled) -> Choice:
    """The best line and search on the validation part."""
    part = Part(data, "val", "plain", labelled)

    def figure(choice: Choice) -> float:
        values = [one.values for one in part.seeds(out, choice, seeds)]
        return sum(v["cider_d"] + v["micro_f1"] for v in values) / len(values)

    return max(((line, search) for line in names for search in BEAMS), key=figure)


def show(data: Path, out: Path, names: list[str], seeds: list[int]) -> None:
    """Print both tables."""
    labelled = Labelled()
    best = choose(data, out, names, seeds, labelled)
    print(f"Best on validation by CIDEr-D + micro-F1: {best[0]}, {best[1]}. {len(seeds)} seeds.")
    for tokenization in ("plain", "r2gen"):
        part = Part(data, "test", tokenization, labelled)
        titles = " | ".join(TITLES.get(column, column) for column in COLUMNS)
        print(f"\n{len(part.data.references.texts)} test studies, tokenization {tokenization}\n")
        print(f"| captions | search | {titles} | distinct |\n|---|---|{'---:|' * (len(COLUMNS) + 1)}")
        made = part.baselines()
        for one in made:
            print(row(one.name.replace("_", " "), "", [one]))
        for line in names:
            for search in BEAMS:
                print(row(line, search, part.seeds(out, (line, search), seeds)))
        system = mean_of_seeds(part.seeds(out, best, seeds), best[0])
        print(f"\n{best[0]}, {best[1]}, less a constant (95% paired bootstrap over studies)\n")
        print(f"| less | {titles} |\n|---|{'---:|' * len(COLUMNS)}")
        for one in made:
            if one.name.startswith("best_constant"):
                found = difference(system, one, CONFIDENCE)
                cells = [
                    f"{found[c].difference:+.3f} ({low:+.3f} to {high:+.3f})"
                    for c in COLUMNS
                    for low, high in [found[c].interval or (0.0, 0.0)]
                ]
                print(f"| {one.name.replace('_', ' ')} | {' | '.join(cells)} |")


def row(name: str, search: str, seeds: list[Scored]) -> str:
    """Mean over seeds, and the spread where there are several."""
    cells: list[str] = []
    spread = seed_spread(seeds) if len(seeds) > 1 else {}
    for column in COLUMNS:
        mean = sum(one.values[column] for one in seeds) / len(seeds)
        cells.append(f"{mean:.3f}" + (f" ± {spread[column][1]:.3f}" if spread else ""))
    distinct = sum(one.distinct for one in seeds) / len(seeds)
    return f"| {name} | {search} | {' | '.join(cells)} | {distinct:.0f} |"
