"""Everything about one system's captions: scores beside baselines, clinical errors, warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from radscribe.evaluation import baselines as baseline_captions
from radscribe.evaluation import cautions, clinical, clinical_errors, meteor
from radscribe.evaluation.baselines import Material, Vectors
from radscribe.evaluation.clinical import Labelled
from radscribe.evaluation.clinical_errors import ReportErrors
from radscribe.evaluation.probabilities import Probabilities
from radscribe.evaluation.references import References
from radscribe.evaluation.scored import Difference, Scored, Scorer, Settings, difference, mean_of_seeds

MeteorOf = Literal["none", "system", "all"]


@dataclass(frozen=True, slots=True)
class Captions:
    """What a system says of each study; `empty` counts studies that it has no caption for."""

    name: str
    texts: list[str]
    empty: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """What is evaluated.

    Parameters
    ----------
    seeds : captions of one system, of one or more seeds.
    compared : captions of other systems, for paired comparisons.
    train, val : reports of the other parts; without them there are no baselines.
    train_features, features : vectors of training and scored studies, for the nearest neighbour.
    overlaps : in words, what of the scored part stands in another one.
    source : the dataset, as its manifest names it.
    """

    references: References
    seeds: Sequence[Captions]
    settings: Settings
    compared: Sequence[Captions] = ()
    train: Sequence[str] = ()
    val: Sequence[str] = ()
    train_features: Vectors | None = None
    features: Vectors | None = None
    probabilities: Probabilities | None = None
    overlaps: Sequence[str] = ()
    meteor: MeteorOf = "none"
    source: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result; `scores` writes it as JSON, `page` as HTML, `terminal` as a table."""

    task: Task
    scorer: Scorer
    system: Scored
    seeds: list[Scored]
    baselines: list[Scored]
    compared: list[Scored]
    differences: dict[str, dict[str, Difference]]
    errors: ReportErrors
    normal: clinical.NormalAgreement
    warnings: list[str]
    external: dict[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Studies scored."""
        return len(self.system.captions)

    @property
    def settings(self) -> Settings:
        """How they were scored."""
        return self.task.settings

    @property
    def others(self) -> list[Scored]:
        """Compared systems and baselines, in the order of every table."""
        return [*self.compared, *self.baselines]


def evaluate(task: Task, labelled: Labelled | None = None) -> Evaluation:
    """Score a system's captions beside their baselines."""
    references = task.references
    scorer = Scorer([[text] for text in references.texts], references.groups, task.settings, labelled)
    seeds = [scorer.score(one.name, "the system", one.texts) for one in task.seeds]
    system = mean_of_seeds(seeds, _common_name([one.name for one in task.seeds]))
    compared = [scorer.score(one.name, "compared", one.texts) for one in task.compared]
    made = _baselines(task, scorer)
    system, compared, made = _with_meteor(task, scorer, system, compared, made)
    confidence = task.settings.confidence
    differences = {other.name: difference(system, other, confidence) for other in [*compared, *made]}
    case = cautions.Case(
        system=system,
        baselines=made,
        differences=differences,
        reference_codes=scorer.codes,
        uncertain=task.settings.uncertain,
        overlaps=task.overlaps,
        truncated=sum(map(task.settings.tokenization.truncates, references.texts)),
        unknown_words=task.settings.tokenization.vocabulary is not None,
        empty=max(one.empty for one in task.seeds),
        left_out=len(references.left_out),
    )
    return Evaluation(
        task=task,
        scorer=scorer,
        system=system,
        seeds=seeds,
        baselines=made,
        compared=compared,
        differences=differences,
        errors=clinical_errors.count(system.captions, references.texts, scorer.labelled),
        normal=clinical.normal_agreement(system.codes, scorer.codes, task.settings.uncertain),
        warnings=cautions.cautions(case),
    )


def _baselines(task: Task, scorer: Scorer) -> list[Scored]:
    if not task.train or not task.val:
        return []
    material = Material(
        task.train,
        task.val,
        len(task.references.texts),
        task.settings.tokenization,
        scorer.labelled,
        task.settings.uncertain,
        task.train_features,
        task.features,
        task.settings.seed,
    )
    return [
        scorer.score(one.name, one.description, one.captions, one.caption)
        for one in baseline_captions.make(material)
    ]


def _with_meteor(
    task: Task, scorer: Scorer, system: Scored, compared: list[Scored], made: list[Scored]
) -> tuple[Scored, list[Scored], list[Scored]]:
    """The same with METEOR, for as many as were asked for; of several seeds, the first's."""
    asked = {"none": 0, "system": 1 + len(compared), "all": 1 + len(compared) + len(made)}[task.meteor]
    everyone = [system, *compared, *made]
    found = meteor.meteor([scorer.corpus(one.captions) for one in everyone[:asked]]) if asked else []
    done = [replace(one, meteor=score) for one, score in zip(everyone, found, strict=False)]
    done += everyone[asked:]
    edge = 1 + len(compared)
    return done[0], done[1:edge], done[edge:]


def _common_name(names: Sequence[str]) -> str:
    """What the names of seeds start with."""
    if len(names) == 1:
        return names[0]
    letters = zip(*names, strict=False)
    same = next((i for i, column in enumerate(letters) if len(set(column)) > 1), min(map(len, names)))
    return names[0][:same].rstrip("-_. ") or names[0]


def seed_spread(seeds: Sequence[Scored]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation (of a sample) of every score over seeds."""
    return {
        name: (
            float(np.mean([seed.values[name] for seed in seeds])),
            float(np.std([seed.values[name] for seed in seeds], ddof=1)),
        )
        for name in seeds[0].values
    }
