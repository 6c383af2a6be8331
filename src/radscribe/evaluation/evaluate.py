"""Score a system's captions beside their baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from radscribe.evaluation import baselines as baseline_captions
from radscribe.evaluation import warnings
from radscribe.evaluation.findings import assertions, reading_errors
from radscribe.evaluation.findings.assertions import Labelled
from radscribe.evaluation.metrics import meteor
from radscribe.evaluation.records import Evaluation, Task
from radscribe.evaluation.system_scores import Scorer, SystemScores, difference, mean_of_seeds

SHUFFLED = "shuffled"


def evaluate(task: Task, labelled: Labelled | None = None) -> Evaluation:
    """Score a system's captions beside their baselines.

    Parameters
    ----------
    task : Task
        Captions, references and what the baselines may use.
    labelled : Labelled, optional
        Cache of the findings of texts.
    """
    references = task.references
    scorer = Scorer([[text] for text in references.texts], references.groups, task.settings, labelled)
    seeds = [scorer.score(one.name, "the system", one.texts) for one in task.seeds]
    system = mean_of_seeds(seeds, _common_name([one.name for one in task.seeds]))
    compared = [scorer.score(one.name, "compared", one.texts) for one in task.compared]
    made = [
        scorer.score(one.name, one.description, one.captions, one.caption)
        for one in baseline_captions.make(task, scorer.labelled)
    ]
    system, compared, made = _with_meteor(task, scorer, system, compared, made)
    confidence = task.settings.confidence
    shuffled = _shuffled(task, scorer)
    against = [*compared, *made, *([shuffled] if shuffled else [])]
    result = Evaluation(
        task=task,
        scorer=scorer,
        system=system,
        seeds=seeds,
        baselines=made,
        compared=compared,
        differences={other.name: difference(system, other, confidence) for other in against},
        errors=reading_errors.count(system.captions, references.texts, scorer.labelled),
        normal=assertions.normal_agreement(system.codes, scorer.codes, task.settings.uncertain),
        shuffled=shuffled,
    )
    return replace(result, warnings=warnings.all_warnings(result))


def _shuffled(task: Task, scorer: Scorer) -> SystemScores | None:
    """The first seed's captions, each given to another study; None for fewer than two studies."""
    if task.n < 2:
        return None
    order = np.random.default_rng(task.settings.seed).permutation(task.n)
    texts = np.empty(task.n, dtype=object)
    texts[order] = [task.seeds[0].texts[row] for row in np.roll(order, 1)]  # nobody keeps their own
    return scorer.score(SHUFFLED, "the system's captions, exchanged between studies", texts.tolist())


def _with_meteor(
    task: Task, scorer: Scorer, system: SystemScores, compared: list[SystemScores], made: list[SystemScores]
) -> tuple[SystemScores, list[SystemScores], list[SystemScores]]:
    """Add METEOR to the requested results; of several seeds, only the first gets it."""
    asked = {"none": 0, "system": 1 + len(compared), "all": 1 + len(compared) + len(made)}[task.meteor]
    everyone = [system, *compared, *made]
    found = meteor.meteor([scorer.corpus(one.captions) for one in everyone[:asked]]) if asked else []
    done = [replace(one, meteor=score) for one, score in zip(everyone, found, strict=False)]
    done += everyone[asked:]
    edge = 1 + len(compared)
    return done[0], done[1:edge], done[edge:]


def _common_name(names: Sequence[str]) -> str:
    """Common start of the names of the seeds."""
    if len(names) == 1:
        return names[0]
    letters = zip(*names, strict=False)
    same = next((i for i, column in enumerate(letters) if len(set(column)) > 1), min(map(len, names)))
    return names[0][:same].rstrip("-_. ") or names[0]
