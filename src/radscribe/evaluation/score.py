"""`radscribe.score`: captions beside references, without files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from radscribe.errors import DataError, RadscribeError, UsageError
from radscribe.evaluation.findings.assertions import FINDINGS, Uncertain
from radscribe.evaluation.findings.reading_errors import LOWER_IS_BETTER, READING_SCORES
from radscribe.evaluation.metrics import radeval
from radscribe.evaluation.metrics.meteor import meteor
from radscribe.evaluation.metrics.registry import TITLES, finding_signature, metric_names, signature
from radscribe.evaluation.system_scores import Scorer, Settings, SystemScores
from radscribe.evaluation.tokenisation import tokenization as tokenization_of

DEFAULT = ("bleu_1", "bleu_4", "rouge_l", "cider_d", "micro_f1", "macro_f1")
FINDING_SCORES = (
    *(f"{mean}_{name}" for mean in ("micro", "macro") for name in ("precision", "recall", "f1")),
    *READING_SCORES,
)
METEOR = "meteor"


@dataclass(frozen=True, slots=True)
class Score:
    """One score with its interval and its signature.

    Parameters
    ----------
    name : str
        The metric.
    value : float
        The score.
    interval : tuple of float, optional
        Bootstrap interval; None without bootstrap, and for METEOR and CheXbert F1.
    signature : str
        Everything that the score depends on. Compare scores only if their signatures are equal.
    better : {"higher", "lower"}
        Whether higher or lower is better.

    Examples
    --------
    >>> print(Score("bleu_4", 0.1234, (0.1, 0.15), "bleu_4|tok:plain"))
    BLEU-4 = 0.123 (0.100–0.150)
    >>> format(Score("bleu_4", 0.1234, None, "bleu_4|tok:plain"), ".1%")
    '12.3%'
    """

    name: str
    value: float
    interval: tuple[float, float] | None
    signature: str
    better: str = "higher"

    def __str__(self) -> str:
        between = f" ({self.interval[0]:.3f}–{self.interval[1]:.3f})" if self.interval else ""
        return f"{TITLES.get(self.name, self.name)} = {self.value:.3f}{between}"

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __float__(self) -> float:
        return self.value

    def to_dict(self) -> dict[str, Any]:
        """Return the score as a dictionary that can be written as JSON."""
        return {
            "name": self.name,
            "value": self.value,
            "interval": self.interval,
            "better": self.better,
            "signature": self.signature,
        }


class Scores(Mapping[str, Score]):
    """Scores by name. Printing them shows a line per score.

    Parameters
    ----------
    scores : sequence of Score
        The scores, in the order of the metrics that were asked for.
    """

    def __init__(self, scores: Sequence[Score]) -> None:
        self._scores = {score.name: score for score in scores}

    def __getitem__(self, name: str) -> Score:
        return self._scores[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scores)

    def __len__(self) -> int:
        return len(self._scores)

    def __str__(self) -> str:
        return "\n".join(map(str, self._scores.values()))

    __repr__ = __str__

    def to_json(self) -> str:
        """Return the scores as a JSON object."""
        return json.dumps({name: score.to_dict() for name, score in self.items()}, indent=2)


def score(
    hypotheses: Sequence[str],
    references: Sequence[str] | Sequence[Sequence[str]],
    *,
    metrics: str | Sequence[str] = DEFAULT,
    tokenization: str = "plain",
    uncertain: Uncertain = "absent",
    groups: Sequence[str] | None = None,
    rounds: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Scores:
    """Score captions; see `radscribe.score`."""
    names = [_name(metric) for metric in ([metrics] if isinstance(metrics, str) else metrics)]
    texts = [[text] if isinstance(text, str) else list(text) for text in references]
    _check(hypotheses, texts, groups, confidence)
    settings = Settings(tokenization_of(tokenization), uncertain, rounds, confidence, seed)
    scorer = Scorer(texts, groups or [str(row) for row in range(len(texts))], settings)
    system = scorer.score("hypotheses", "", hypotheses)
    external = [name for name in names if name in radeval.EXTERNAL]
    modelled = _external(external, hypotheses, texts, groups, settings)
    return Scores(
        [
            modelled[name]
            if name in modelled
            else _meteor(scorer, hypotheses, settings)
            if name == METEOR
            else _built_in_score(name, system, settings, max(map(len, texts)))
            for name in names
        ]
    )


def _name(metric: str) -> str:
    """The key of a metric, from its key or its name as people write it."""
    known = [*metric_names(), *FINDING_SCORES, METEOR, *radeval.EXTERNAL]
    key = metric.strip().lower().replace("-", "_").replace(" ", "_")
    if key not in known:
        near = get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"
        raise UsageError(f"no metric '{metric}'", remedy=hint)
    return key


def _check(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    groups: Sequence[str] | None,
    confidence: float,
) -> None:
    if isinstance(hypotheses, str):
        raise UsageError("the hypotheses are one string", remedy="give a list of captions")
    if not hypotheses or len(hypotheses) != len(references):
        raise DataError(
            f"{len(hypotheses)} hypotheses and {len(references)} references",
            remedy="give one reference, or one list of references, per hypothesis",
        )
    for row, (caption, texts) in enumerate(zip(hypotheses, references, strict=True)):
        if not isinstance(caption, str) or not texts or not all(isinstance(text, str) for text in texts):
            raise DataError(
                f"study {row} has no text", remedy="use an empty string for a study without a caption"
            )
    if groups is not None and len(groups) != len(hypotheses):
        raise DataError(f"{len(groups)} groups for {len(hypotheses)} hypotheses", remedy="give one each")
    if not 0 < confidence < 1:
        raise UsageError(f"a confidence of {confidence}", remedy="give a number between 0 and 1")


def _built_in_score(name: str, system: SystemScores, settings: Settings, most: int) -> Score:
    n = len(system.captions)
    if name in metric_names():
        text = signature(name, settings.tokenization, most, n)
    else:
        text = finding_signature(name, len(FINDINGS), settings.uncertain, n)
    text += f"|bootstrap:{settings.rounds}|seed:{settings.seed}"
    better = "lower" if name in LOWER_IS_BETTER else "higher"
    return Score(name, system.values[name], system.interval(name, settings.confidence), text, better)


def _meteor(scorer: Scorer, hypotheses: Sequence[str], settings: Settings) -> Score:
    (found,) = meteor([scorer.corpus(hypotheses)])
    if found.score is None:
        raise RadscribeError(f"no METEOR: {found.reason}", remedy="leave it out of the metrics")
    most = max(map(len, scorer.references))
    return Score(METEOR, found.score, None, signature(METEOR, settings.tokenization, most, len(hypotheses)))


def _external(
    names: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    groups: Sequence[str] | None,
    settings: Settings,
) -> dict[str, Score]:
    if not names:
        return {}
    first = [texts[0] for texts in references]
    found = radeval.score(names, hypotheses, first, groups=groups, rounds=settings.rounds, seed=settings.seed)
    return {
        name: Score(name, one.value, one.interval, one.signature, one.direction)
        for name, one in found.items()
    }
