"""The table of all lines, and how far the best one is above the best constants.

The best line and its search are chosen on the validation part, by the mean over seeds of CIDEr-D and micro-F1
of findings; the test part is only scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.iu_encodings.job import BEAMS, captions_of
from benchmarks.iu_encodings.lines import Benchmark
from radscribe.data.study import Split
from radscribe.evaluation import dataset, run
from radscribe.evaluation.dataset import Dataset
from radscribe.evaluation.findings.assertions import Labelled
from radscribe.evaluation.metrics.registry import TITLES
from radscribe.evaluation.records import Captions, Evaluation, seed_spread
from radscribe.evaluation.results import Results
from radscribe.evaluation.system_scores import SystemScores

COLUMNS = (
    *("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider_d", "micro_f1", "macro_f1"),
    *("normal_agreement", "abnormal_hit_rate", "laterality_error_rate"),
)
EVALUATED = ("plain", "r2gen")
Choice = tuple[str, str]  # a line and a search


class Lines:
    """The captions of all lines of one part."""

    def __init__(
        self, benchmark: Benchmark, part: Split, seeds: Sequence[int], peers: Sequence[Path] = ()
    ) -> None:
        self.data: Dataset = dataset.read(benchmark.data, part, "findings")
        self._benchmark, self._part, self._seeds = benchmark, part, seeds
        self._options = run.options()
        self.peers = [run.read_captions(path, self.data, self._options) for path in peers]

    def captions(self, line: str, search: str) -> list[Captions]:
        """Return the captions of a line's runs, by seed."""
        runs = [self._benchmark.run_of(line, seed) for seed in self._seeds]
        paths = [captions_of(path, self._part, search) for path in runs]
        return [run.read_captions(path, self.data, self._options) for path in paths]

    def evaluation(self, choice: Choice, tokenization: str, labelled: Labelled) -> Evaluation:
        """Compare a line with the baselines and the peers, as `radscribe evaluate` does."""
        return run.run(self.data, self.captions(*choice), self.peers, run.options(tokenization), labelled)


def choose(lines: Lines, choices: Sequence[Choice], labelled: Labelled) -> Choice:
    """The best of them, on the part of `lines`, which is validation's."""
    scorer = lines.evaluation(choices[0], "plain", labelled).scorer

    def figure(choice: Choice) -> float:
        values = [scorer.score("", "", one.texts).values for one in lines.captions(*choice)]
        return float(np.mean([value["cider_d"] + value["micro_f1"] for value in values]))

    return max(choices, key=figure)


def show(
    benchmark: Benchmark, names: Sequence[str], seeds: Sequence[int], peers: Sequence[Path] = ()
) -> None:
    """Print a table for each tokenization; the best line's page goes to `out/best`."""
    labelled = Labelled()
    choices = [(line, search) for line in names for search in BEAMS]
    best = choose(Lines(benchmark, "val", seeds), choices, labelled)
    lines = Lines(benchmark, "test", seeds, peers)
    print(
        f"Best of validation by CIDEr-D + micro-F1: {best[0]}, {best[1]}. "
        f"Mean ± deviation of {len(seeds)} seeds."
    )
    for tokenization in EVALUATED:
        result = lines.evaluation(best, tokenization, labelled)
        titles = " | ".join(TITLES.get(column, column) for column in COLUMNS)
        print(f"\n{result.n} test studies, tokenization {tokenization}\n")
        print(f"| captions | search | {titles} | distinct |\n|---|---|{'---:|' * (len(COLUMNS) + 1)}")
        for baseline in result.baselines:
            print(row(baseline.name.replace("_", " "), "", [baseline]))
        for peer in result.compared:
            print(row(peer.name, "", [peer]))
        for line, search in choices:
            scored = [result.scorer.score(line, "", one.texts) for one in lines.captions(line, search)]
            print(row(line, search, scored))
        print(f"\n{best[0]}, {best[1]}, less a constant or a peer; 95% intervals, paired bootstrap\n")
        print(f"| less | {titles} |\n|---|{'---:|' * len(COLUMNS)}")
        for name, found in result.differences.items():
            if name.startswith("best_constant") or any(name == peer.name for peer in result.compared):
                cells = [
                    f"{found[column].difference:+.3f} ({low:+.3f} to {high:+.3f})"
                    for column in COLUMNS
                    for low, high in [found[column].interval or (0.0, 0.0)]
                ]
                print(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
        Results(result, None, lines.data.manifest.root).save(
            benchmark.out / "best" / tokenization, overwrite=True
        )


def row(name: str, search: str, seeds: list[SystemScores]) -> str:
    """Mean over seeds, and the spread where there are several."""
    spread = seed_spread(seeds) if len(seeds) > 1 else {}
    cells = [
        f"{spread[column][0]:.3f} ± {spread[column][1]:.3f}" if spread else f"{seeds[0].values[column]:.3f}"
        for column in COLUMNS
    ]
    distinct = np.mean([one.distinct for one in seeds])
    return f"| {name} | {search} | {' | '.join(cells)} | {distinct:.0f} |"
