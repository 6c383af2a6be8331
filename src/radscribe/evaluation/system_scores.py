"""The scores of one set of captions, and the same scores in every bootstrap resample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from radscribe.evaluation.bootstrap import multiplicities, paired_p_value, percentiles
from radscribe.evaluation.findings import assertions, reading_errors
from radscribe.evaluation.findings.assertions import Booleans, Codes, Labelled, Uncertain
from radscribe.evaluation.metrics import registry, wording
from radscribe.evaluation.metrics.base import Corpus, Floats
from radscribe.evaluation.metrics.meteor import Meteor
from radscribe.evaluation.tokenisation import Tokenization, Tokens


@dataclass(frozen=True, slots=True)
class Settings:
    """How captions are scored. All of it is in the signature or in `scores.json`."""

    tokenization: Tokenization
    uncertain: Uncertain = "absent"
    rounds: int = 1000
    confidence: float = 0.95
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class SystemScores:
    """Captions of one system or baseline with their scores.

    Parameters
    ----------
    name, description : str
        What tables call it, and how its captions were made.
    captions : list of str
        N captions.
    tokens : list of tuple of str
        Their words.
    values : dict
        Every score by name.
    samples : dict
        The same in each resample, `[rounds]`.
    codes : ndarray
        Codes of each finding in the captions, `[N, F]`.
    finding_sums : ndarray
        Hits, false alarms and misses of each finding over all studies, `[3 F]`.
    subsets : dict
        "abnormal" and "normal" (by the reference) to number of studies and scores.
    constant : str, optional
        The caption, if it is the same for every study.
    meteor : Meteor
        METEOR, or the reason why there is none.
    per_study : dict
        Scores of each study alone, `[N]`, to find examples.
    """

    name: str
    description: str
    captions: list[str]
    tokens: list[Tokens]
    values: dict[str, float]
    samples: dict[str, Floats]
    codes: Codes
    finding_sums: Floats
    subsets: dict[str, tuple[int, dict[str, float]]]
    constant: str | None = None
    meteor: Meteor = field(default_factory=lambda: Meteor(None, "not asked for: see --meteor"))
    per_study: dict[str, Floats] = field(default_factory=dict)

    @property
    def distinct(self) -> int:
        """Number of different captions."""
        return wording.distinct(self.tokens)

    def interval(self, name: str, confidence: float) -> tuple[float, float] | None:
        """Return the bootstrap interval of a score; None without bootstrap."""
        samples = self.samples[name]
        return percentiles(samples, confidence) if len(samples) else None


@dataclass(frozen=True, slots=True)
class Difference:
    """A system's score minus another's, on the same resamples."""

    difference: float
    interval: tuple[float, float] | None
    p_value: float | None


class Scorer:
    """Scores captions of the same studies on the same resamples, so that they can be compared in pairs.

    Parameters
    ----------
    references : sequence of sequences of str
        One or more texts per study. Findings come from the first.
    groups : sequence of str
        The group of each study, usually the patient, that the bootstrap keeps together.
    settings : Settings
        How captions are scored.
    labelled : Labelled, optional
        Cache of the findings of texts.
    """

    def __init__(
        self,
        references: Sequence[Sequence[str]],
        groups: Sequence[str],
        settings: Settings,
        labelled: Labelled | None = None,
    ) -> None:
        self.settings = settings
        self.labelled = Labelled() if labelled is None else labelled
        self.references = [settings.tokenization.all(texts) for texts in references]
        self.texts = [texts[0] for texts in references]
        self.codes = self.labelled.codes(self.texts)
        self.sides = reading_errors.all_sides(self.texts, self.labelled)
        self.kept: Booleans = np.asarray(assertions.asserted(self.codes, settings.uncertain).any(0))
        self.abnormal = assertions.abnormal(self.codes, settings.uncertain)
        self._weights = multiplicities(groups, settings.rounds, settings.seed) if settings.rounds else None

    def corpus(self, captions: Sequence[str]) -> Corpus:
        """Return captions and references as words."""
        return Corpus(self.settings.tokenization.all(captions), self.references)

    def score(
        self, name: str, description: str, captions: Sequence[str], constant: str | None = None
    ) -> SystemScores:
        """Score one set of captions."""
        corpus = self.corpus(captions)
        numbers = registry.statistics(corpus)
        codes = self.labelled.codes(captions)
        found = assertions.statistics(codes, self.codes, self.settings.uncertain)
        sides = reading_errors.all_sides(captions, self.labelled)
        reading = reading_errors.statistics(codes, self.codes, sides, self.sides, self.settings.uncertain)
        whole = self._values(numbers, found, reading, np.ones((1, len(corpus))))
        empty: Floats = np.zeros(0)
        samples = dict.fromkeys(whole, empty)
        if self._weights is not None:
            samples = self._values(numbers, found, reading, self._weights)
        return SystemScores(
            name=name,
            description=description,
            captions=list(captions),
            tokens=list(corpus.captions),
            values=_first(whole),
            samples=samples,
            codes=codes,
            finding_sums=found.sum(0),
            subsets={
                part: (
                    int(rows.sum()),
                    _first(self._values(numbers, found, reading, rows[None].astype(np.float64))),
                )
                for part, rows in (("abnormal", self.abnormal), ("normal", ~self.abnormal))
            },
            constant=constant,
            per_study=self._per_study(numbers),
        )

    def _values(
        self, numbers: registry.Statistics, found: Floats, reading: Floats, weights: Floats
    ) -> dict[str, Floats]:
        return (
            registry.values(numbers, weights)
            | assertions.value(weights @ found, self.kept)
            | reading_errors.value(weights @ reading)
        )

    def _per_study(self, numbers: registry.Statistics) -> dict[str, Floats]:
        """The scores of each study alone."""
        return {
            name: metric.value(values)[:, place]
            for metric, values in zip(registry.METRICS.values(), numbers, strict=True)
            for place, name in enumerate(metric.names)
        }


def difference(one: SystemScores, other: SystemScores, confidence: float) -> dict[str, Difference]:
    """Compare every score of `one` with that of `other` by the paired bootstrap."""
    out: dict[str, Difference] = {}
    for name in one.values:
        observed = one.values[name] - other.values[name]
        samples = one.samples[name] - other.samples[name]
        out[name] = (
            Difference(observed, percentiles(samples, confidence), paired_p_value(samples, observed))
            if len(samples)
            else Difference(observed, None, None)
        )
    return out


def mean_of_seeds(seeds: Sequence[SystemScores], name: str) -> SystemScores:
    """Average the scores and resamples of seeds. The captions are those of the first seed."""
    first = seeds[0]
    if len(seeds) == 1:
        return first
    return replace(
        first,
        name=name,
        description=f"mean of {len(seeds)} seeds; captions shown are those of the first",
        values=_means([seed.values for seed in seeds]),
        samples={key: np.mean([seed.samples[key] for seed in seeds], axis=0) for key in first.samples},
        finding_sums=np.mean([seed.finding_sums for seed in seeds], axis=0),
        subsets={
            part: (n, _means([seed.subsets[part][1] for seed in seeds]))
            for part, (n, _) in first.subsets.items()
        },
    )


def _first(values: Mapping[str, npt.NDArray[np.float64]]) -> dict[str, float]:
    return {name: float(row[0]) for name, row in values.items()}


def _means(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in values])) for name in values[0]}
