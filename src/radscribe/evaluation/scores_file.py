"""`scores.json`: the evaluation as data. Its keys are documented in docs/guides/evaluation.md.

A key is added without a new version; `schema_version` rises when one goes or changes its meaning.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from radscribe._version import __version__
from radscribe.evaluation.findings import assertions
from radscribe.evaluation.findings.assertions import FINDINGS
from radscribe.evaluation.metrics import wording
from radscribe.evaluation.metrics.registry import finding_signature, metric_names, signature
from radscribe.evaluation.records import Evaluation, seed_spread
from radscribe.evaluation.system_scores import Difference, SystemScores

SCHEMA_VERSION = 1
DIGITS = 6
REPEATED = 10  # most frequent captions that are listed


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The object that `scores.json` holds."""
    task = evaluation.task
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
        **_of(evaluation, evaluation.system),
        "signatures": signatures(evaluation),
        "errors": _errors(evaluation),
        "normal": _normal(evaluation),
        "baselines": {one.name: _other(evaluation, one) for one in evaluation.baselines},
        "compared": {one.name: _other(evaluation, one) for one in evaluation.compared},
        "most_frequent_captions": [
            {"caption": text, "count": count}
            for text, count in wording.most_frequent(evaluation.system.captions, REPEATED)
        ],
        "seeds": _seeds(evaluation),
        "probabilities": _probabilities(evaluation),
        "external": evaluation.external,
    }
    clean: dict[str, Any] = _rounded(out)
    return clean


def write(evaluation: Evaluation, path: Path) -> None:
    """Write `scores.json`."""
    text = json.dumps(as_json(evaluation), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def overall_signature(evaluation: Evaluation) -> str:
    """What all scores of the file share."""
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
    """What each score depends on."""
    settings, n = evaluation.settings, evaluation.n
    own = {name: signature(name, settings.tokenization, 1, n) for name in (*metric_names(), "meteor")}
    findings = (name for name in evaluation.system.values if name not in metric_names())
    return own | {name: finding_signature(name, len(FINDINGS), settings.uncertain, n) for name in findings}


def _of(evaluation: Evaluation, one: SystemScores) -> dict[str, Any]:
    """What a system and a baseline have in common."""
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
        **_of(evaluation, one),
        "difference": {name: _difference(gap) for name, gap in evaluation.differences[one.name].items()},
    }


def _difference(gap: Difference) -> dict[str, Any]:
    """The system's score less this one's."""
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


def _probabilities(evaluation: Evaluation) -> dict[str, Any] | None:
    found = evaluation.task.probabilities
    if found is None:
        return None
    return {
        "source": found.source,
        "truth": found.truth,
        "expected_calibration_error": found.reliability.error,
        "auroc": {curve.finding: curve.auroc for curve in found.curves},
    }


def _rounded(value: Any) -> Any:
    """Floats to six digits; NaN, which JSON has not, to null."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value
