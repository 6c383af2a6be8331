"""`scores.json`: the evaluation as data. docs/guides/evaluation.md documents its keys.

A key may be added without a new version; `schema_version` rises when a key goes or changes its meaning.
"""

from __future__ import annotations

import math
from typing import Any

from radscribe._version import __version__
from radscribe.evaluation.findings import assertions
from radscribe.evaluation.findings.assertions import FINDINGS
from radscribe.evaluation.findings.label_scores import FindingScores, ProbabilityScores
from radscribe.evaluation.metrics import wording
from radscribe.evaluation.metrics.registry import finding_signature, metric_names, signature
from radscribe.evaluation.records import Evaluation, LabelScores, seed_spread
from radscribe.evaluation.system_scores import Difference, SystemScores

SCHEMA_VERSION = 1
DIGITS = 6
REPEATED = 10  # most frequent captions that are listed


def results_as_json(captions: Evaluation | None, labels: LabelScores | None) -> dict[str, Any]:
    """Return the object that `scores.json` holds.

    Parameters
    ----------
    captions : Evaluation, optional
        Captions beside reports.
    labels : LabelScores, optional
        Probabilities and captions beside labels; the key `labels` holds them.
    """
    out = as_json(captions) if captions is not None else _head(labels)
    return {**out, "labels": None if labels is None else _rounded(_labels(labels))}


def _head(labels: LabelScores | None) -> dict[str, Any]:
    """The first keys, if there are no captions beside reports."""
    assert labels is not None
    return {
        "schema_version": SCHEMA_VERSION,
        "radscribe": __version__,
        "system": labels.system,
        "data": {"source": labels.source, "part": labels.part},
        "n": labels.n,
        "warnings": labels.warnings,
    }


def _labels(labels: LabelScores) -> dict[str, Any]:
    found, captions = labels.probabilities, labels.captions
    settings = labels.settings
    return {
        "system": labels.system,
        "n": labels.n,
        "warnings": labels.warnings,
        "intervals": {
            "confidence": settings.confidence,
            "rounds": settings.rounds,
            "seed": settings.seed,
            "resampled": labels.resampled,
        },
        "probabilities": None
        if found is None
        else {
            "source": found.source,
            "truth": found.truth,
            "missing": found.missing,
            "specificity": found.specificity,
            "mean": _finding(found.mean),
            "findings": {row.finding: _finding(row) for row in found.findings},
            "reliability": {
                "predicted": found.reliability.predicted.tolist(),
                "observed": found.reliability.observed.tolist(),
                "count": found.reliability.count.tolist(),
            },
        },
        "captions": None
        if captions is None
        else {
            "refused": labels.refused,
            "uncertain": settings.uncertain,
            "all": _finding(captions.total),
            "findings": {row.finding: _finding(row) for row in captions.findings},
        },
    }


def _finding(row: FindingScores) -> dict[str, Any]:
    return {
        "n": row.n,
        "positives": row.positives,
        **({} if row.asserted is None else {"in_captions": row.asserted}),
        **row.values,
        **({} if row.threshold is None else {"threshold": row.threshold}),
        "intervals": dict(row.intervals),
    }


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the part of `scores.json` on captions beside reports."""
    task = evaluation.task
    shuffled = evaluation.shuffled
    out = {
        "schema_version": SCHEMA_VERSION,
        "radscribe": __version__,
        "system": evaluation.system.name,
        "data": {
            "source": task.source,
            "part": task.references.part,
            "target": task.references.target,
            "left_out": len(task.references.left_out),
        },
        "signature": overall_signature(evaluation),
        "n": evaluation.n,
        "warnings": evaluation.warnings,
        "notes": list(task.notes),
        **_scores_of(evaluation, evaluation.system),
        "signatures": signatures(evaluation),
        "errors": _errors(evaluation),
        "normal": _normal(evaluation),
        "baselines": {one.name: _other(evaluation, one) for one in evaluation.baselines},
        "shuffled": None if shuffled is None else _other(evaluation, shuffled),
        "compared": {one.name: _other(evaluation, one) for one in evaluation.compared},
        "most_frequent_captions": [
            {"caption": text, "count": count}
            for text, count in wording.most_frequent(evaluation.system.captions, REPEATED)
        ],
        "seeds": _seeds(evaluation),
        "probabilities": _probabilities(evaluation.task.probabilities),
        "external": evaluation.external,
    }
    clean: dict[str, Any] = _rounded(out)
    return clean


def overall_signature(evaluation: Evaluation) -> str:
    """Return what all scores of the file depend on."""
    settings = evaluation.settings
    parts = [
        f"radscribe:{__version__}",
        settings.tokenization.signature,
        "refs:1",
        f"n:{evaluation.n}",
        f"part:{evaluation.task.references.part}",
        f"target:{evaluation.task.references.target}",
        f"uncertain:{settings.uncertain}",
        f"bootstrap:{settings.rounds}",
        f"seed:{settings.seed}",
    ]
    return "|".join(parts)


def signatures(evaluation: Evaluation) -> dict[str, str]:
    """Return what each score depends on."""
    settings, n = evaluation.settings, evaluation.n
    own = {name: signature(name, settings.tokenization, 1, n) for name in (*metric_names(), "meteor")}
    findings = (name for name in evaluation.system.values if name not in metric_names())
    return own | {name: finding_signature(name, len(FINDINGS), settings.uncertain, n) for name in findings}


def _scores_of(evaluation: Evaluation, one: SystemScores) -> dict[str, Any]:
    """Values given for a system and for each baseline."""
    return {
        "metrics": {**{name: one.values[name] for name in metric_names()}, "meteor": one.meteor.score},
        "meteor_reason": one.meteor.reason,
        "findings": _findings(evaluation, one),
        "distinct_captions": one.distinct,
        "vocabulary_used": wording.vocabulary_used(one.tokens),
        "subsets": {
            part: {
                "n": n,
                "metrics": {name: values[name] for name in metric_names()} if n else None,
                "findings": {key: value for key, value in values.items() if key not in metric_names()}
                if n
                else None,
            }
            for part, (n, values) in one.subsets.items()
        },
        "intervals": _intervals(evaluation, one),
    }


def _findings(evaluation: Evaluation, one: SystemScores) -> dict[str, Any]:
    uncertain = evaluation.settings.uncertain
    values = assertions.per_finding(one.finding_sums)
    said = assertions.asserted(one.codes, uncertain).sum(0)
    written = assertions.asserted(evaluation.scorer.codes, uncertain).sum(0)
    return {
        **{name: value for name, value in one.values.items() if name not in metric_names()},
        "uncertain": uncertain,
        "macro_over": [name for place, name in enumerate(FINDINGS) if evaluation.scorer.kept[place]],
        "per_finding": {
            name: {
                "in_references": int(written[place]),
                "in_captions": int(said[place]),
                **{key: float(row[place]) for key, row in values.items()},
            }
            for place, name in enumerate(FINDINGS)
        },
    }


def _intervals(evaluation: Evaluation, one: SystemScores) -> dict[str, Any]:
    settings = evaluation.settings
    found = {name: one.interval(name, settings.confidence) for name in one.values}
    return {
        "confidence": settings.confidence,
        "rounds": settings.rounds,
        "resampled": evaluation.task.references.resampled,
        "metrics": {name: found[name] for name in metric_names()},
        "findings": {name: pair for name, pair in found.items() if name not in metric_names()},
    }


def _other(evaluation: Evaluation, one: SystemScores) -> dict[str, Any]:
    return {
        "description": one.description,
        "caption": one.constant,
        **_scores_of(evaluation, one),
        "difference": {name: _difference(gap) for name, gap in evaluation.differences[one.name].items()},
    }


def _difference(gap: Difference) -> dict[str, Any]:
    """The system's score minus this one's."""
    return {"value": gap.difference, "interval": gap.interval, "p_value": gap.p_value}


def _errors(evaluation: Evaluation) -> dict[str, Any]:
    errors = evaluation.errors
    return {
        "hallucinated_per_report": errors.hallucinated,
        "missed_per_report": errors.missed,
        "negation_errors_per_report": errors.negated,
        "laterality_compared": errors.sides_compared,
        "laterality_errors": errors.sides_wrong,
    }


def _normal(evaluation: Evaluation) -> dict[str, Any]:
    normal = evaluation.normal
    return {
        "references_normal": normal.references_normal,
        "captions_normal": normal.captions_normal,
        "agreement": normal.agreement,
        "kappa": normal.kappa,
        "sensitivity_abnormal": normal.sensitivity,
        "specificity_abnormal": normal.specificity,
    }


def _seeds(evaluation: Evaluation) -> dict[str, Any] | None:
    if len(evaluation.seeds) < 2:
        return None
    return {
        "n": len(evaluation.seeds),
        "names": [seed.name for seed in evaluation.seeds],
        "metrics": {
            name: {
                "mean": mean,
                "standard_deviation": deviation,
                "values": [seed.values[name] for seed in evaluation.seeds],
            }
            for name, (mean, deviation) in seed_spread(evaluation.seeds).items()
        },
    }


def _probabilities(found: ProbabilityScores | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "source": found.source,
        "truth": found.truth,
        "expected_calibration_error": found.reliability.error,
        "auroc": {curve.finding: curve.auroc for curve in found.curves},
        "mean": _finding(found.mean),
    }


def _rounded(value: Any) -> Any:
    """Floats with six digits; NaN and infinity, which JSON does not have, as null."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value
