"""The two records of an evaluation: the task that is given, and the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from radscribe.evaluation.findings import assertions
from radscribe.evaluation.findings.label_scores import AssertionScores, ProbabilityScores
from radscribe.evaluation.findings.reading_errors import ReportErrors
from radscribe.evaluation.references import Part, References
from radscribe.evaluation.system_scores import Difference, Scorer, Settings, SystemScores

MeteorOf = Literal["none", "system", "all"]
Vectors = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Captions:
    """The captions of one system.

    Parameters
    ----------
    name : str
        What tables call the system.
    texts : list of str
        One caption per study, in the order of the references.
    empty : int
        Number of studies for which the system has no caption.
    """

    name: str
    texts: list[str]
    empty: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that an evaluation and its baselines use.

    Parameters
    ----------
    references : References
        The scored studies and their texts.
    seeds : sequence of Captions
        Captions of one system, one entry per seed.
    settings : Settings
        Tokenization, bootstrap and treatment of uncertain findings.
    compared : sequence of Captions
        Captions of other systems, for paired comparisons.
    train, val : sequence of str
        Reports of the other parts. Without them there are no baselines.
    train_features, features : ndarray, optional
        Feature vectors of training `[T, D]` and scored studies `[N, D]`, for the nearest neighbour.
    probabilities : ProbabilityScores, optional
        Probabilities of findings beside the truth.
    overlaps : sequence of str
        Sentences that say which scored studies are also in another part.
    meteor : {"none", "system", "all"}
        Which captions get METEOR.
    source : str
        The dataset, as its manifest names it.
    notes : sequence of str
        Remarks for the reader on how the data was used.
    """

    references: References
    seeds: Sequence[Captions]
    settings: Settings
    compared: Sequence[Captions] = ()
    train: Sequence[str] = ()
    val: Sequence[str] = ()
    train_features: Vectors | None = None
    features: Vectors | None = None
    probabilities: ProbabilityScores | None = None
    overlaps: Sequence[str] = ()
    meteor: MeteorOf = "none"
    source: str = ""
    notes: Sequence[str] = ()

    @property
    def n(self) -> int:
        """Number of scored studies."""
        return len(self.references.texts)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation.

    `scores_file` writes it as JSON, `page` as HTML, `terminal` as tables.

    Parameters
    ----------
    task : Task
        What was evaluated.
    scorer : Scorer
        The references, ready for scoring.
    system : SystemScores
        Scores of the system; the mean if there are several seeds.
    seeds, baselines, compared : list of SystemScores
        Scores of each seed, baseline and compared system.
    differences : dict
        Name of a baseline or compared system, then name of a score, to the difference of the system to it.
    errors : ReportErrors
        Findings invented, missed, contradicted or on the wrong side.
    normal : NormalAgreement
        Agreement on which studies are normal.
    warnings : list of str
        Warnings to show before the first number, gravest first.
    shuffled : SystemScores, optional
        The system's captions, exchanged between studies: the score of its style without its images.
    external : dict
        Metrics of `radeval`.
    """

    task: Task
    scorer: Scorer
    system: SystemScores
    seeds: list[SystemScores]
    baselines: list[SystemScores]
    compared: list[SystemScores]
    differences: dict[str, dict[str, Difference]]
    errors: ReportErrors
    normal: assertions.NormalAgreement
    shuffled: SystemScores | None = None
    warnings: list[str] = field(default_factory=list)
    external: dict[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of scored studies."""
        return len(self.system.captions)

    @property
    def settings(self) -> Settings:
        """How the captions were scored."""
        return self.task.settings

    @property
    def others(self) -> list[SystemScores]:
        """Compared systems and baselines, in the order of every table."""
        return [*self.compared, *self.baselines]


@dataclass(frozen=True, slots=True, eq=False)
class LabelScores:
    """Scores on a dataset's labels.

    Parameters
    ----------
    system : str
        The bundle or file.
    source : str
        The dataset, as its manifest names it.
    part : {"train", "val", "test", "all"}
        The part that was scored.
    n : int
        Studies with labels.
    resampled : {"patient", "study"}
        Unit that the bootstrap resamples as a whole.
    settings : Settings
        Bootstrap and treatment of uncertain findings.
    probabilities : ProbabilityScores, optional
        How well probabilities predict findings.
    captions : AssertionScores, optional
        Findings that captions assert beside labels.
    refused : int
        Studies without a caption.
    warnings : list of str
        Warnings to show before the first number.
    """

    system: str
    source: str
    part: Part
    n: int
    resampled: str
    settings: Settings
    probabilities: ProbabilityScores | None = None
    captions: AssertionScores | None = None
    refused: int = 0
    warnings: list[str] = field(default_factory=list)


def seed_spread(seeds: Sequence[SystemScores]) -> dict[str, tuple[float, float]]:
    """Return mean and sample standard deviation of every score over seeds."""
    return {
        name: (
            float(np.mean([seed.values[name] for seed in seeds])),
            float(np.std([seed.values[name] for seed in seeds], ddof=1)),
        )
        for name in seeds[0].values
    }
