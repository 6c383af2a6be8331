"""Probabilities of findings, and findings that captions assert, beside a dataset's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from radscribe.evaluation.bootstrap import multiplicities, percentiles
from radscribe.evaluation.calibration import BINS, Reliability, reliability
from radscribe.evaluation.findings.binary_scores import Booleans, Ranking
from radscribe.evaluation.metrics.base import Floats, ratio

FEWEST = 5  # positives, and negatives, of a finding that enters the mean over findings
PROBABILITY_SCORES = ("auroc", "average_precision", "sensitivity", "calibration_error")
ASSERTION_SCORES = ("precision", "recall", "f1")
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class FindingScores:
    """The scores of one finding, or the mean or sum over findings.

    Parameters
    ----------
    finding : str
        Name of the finding, or "mean over findings", or "all findings".
    n, positives : int
        Studies whose label is known, and those that have the finding.
    values : mapping
        Name of a score to its value. A score that is not defined has no key.
    intervals : mapping
        Name of a score to its bootstrap interval; empty without bootstrap.
    threshold : float, optional
        Probability from which the finding counts as present at the chosen specificity.
    asserted : int, optional
        Studies whose caption asserts the finding.
    """

    finding: str
    n: int
    positives: int
    values: Mapping[str, float]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    threshold: float | None = None
    asserted: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """One finding's ROC: false and true positive rates, from (0, 0) to (1, 1)."""

    finding: str
    positives: int
    auroc: float
    false_rate: Floats
    true_rate: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ProbabilityScores:
    """How well probabilities predict findings.

    Parameters
    ----------
    source : str
        The bundle or file that the probabilities come from.
    truth : str
        What they are compared with.
    specificity : float
        The specificity at which the sensitivity is given.
    findings : list of FindingScores
        One per finding that has a positive and a negative.
    mean : FindingScores
        Mean over findings with at least `FEWEST` positives and negatives. Its calibration error is that of
        all pairs of study and finding together.
    curves : list of RocCurve
        One per finding of the mean.
    reliability : Reliability
        Reliability of all pairs of study and finding.
    missing : int
        Studies without any probability, such as those that the bundle refuses.
    """

    source: str
    truth: str
    specificity: float
    findings: list[FindingScores]
    mean: FindingScores
    curves: list[RocCurve]
    reliability: Reliability
    missing: int = 0


def score_probabilities(
    findings: Sequence[str],
    predicted: Floats,
    true: Floats,
    *,
    source: str = "",
    truth: str = "the dataset's labels",
    weights: Floats | None = None,
    specificity: float = 0.9,
    confidence: float = 0.95,
) -> ProbabilityScores:
    """Score probabilities of findings.

    Parameters
    ----------
    findings : sequence of str
        F names.
    predicted : ndarray
        Probabilities `[N, F]`; NaN if there is none.
    true : ndarray
        Labels `[N, F]`: 1, 0, or NaN if unknown.
    source, truth : str
        Whose probabilities these are, and what they are compared with.
    weights : ndarray, optional
        `[B, N]`: how often each study occurs in each bootstrap resample; see `bootstrap.multiplicities`.
    specificity : float
        The specificity at which the sensitivity is given (default: 0.9). The threshold is chosen on the
        scored studies, and again in each resample.
    confidence : float
        Coverage of the intervals (default: 0.95).
    """
    rows: list[FindingScores] = []
    curves: list[RocCurve] = []
    kept: list[tuple[dict[str, float], dict[str, Floats]]] = []
    for place, finding in enumerate(findings):
        values, samples, ranking, threshold = _one(predicted[:, place], true[:, place], weights, specificity)
        if not 0 < ranking.positives < ranking.n:
            continue
        intervals = {name: percentiles(sample, confidence) for name, sample in samples.items() if len(sample)}
        rows.append(
            FindingScores(finding, ranking.n, ranking.positives, values, intervals, threshold=threshold)
        )
        if FEWEST <= ranking.positives <= ranking.n - FEWEST:
            kept.append((values, samples))
            curves.append(RocCurve(finding, ranking.positives, values["auroc"], *ranking.curve()))
    known = ~(np.isnan(true) | np.isnan(predicted))
    return ProbabilityScores(
        source,
        truth,
        specificity,
        rows,
        _mean(kept, predicted, np.where(known, true, np.nan), weights, confidence),
        curves,
        reliability(predicted, true),
        missing=int(np.isnan(predicted).all(1).sum()),
    )


def _one(
    predicted: Floats, true: Floats, weights: Floats | None, specificity: float
) -> tuple[dict[str, float], dict[str, Floats], Ranking, float]:
    ranking = Ranking(predicted, true)
    sensitivity, threshold = ranking.sensitivity_at(specificity)
    values = {
        "auroc": float(ranking.auroc()[0]),
        "average_precision": float(ranking.average_precision()[0]),
        "sensitivity": float(sensitivity[0]),
        "calibration_error": reliability(predicted, true).error,
    }
    samples: dict[str, Floats] = {}
    if weights is not None and len(weights) and ranking.positives:
        resampled = Ranking(predicted, true, weights)
        samples = {
            "auroc": resampled.auroc(),
            "average_precision": resampled.average_precision(),
            "sensitivity": resampled.sensitivity_at(specificity)[0],
            "calibration_error": _calibration_errors(predicted[:, None], true[:, None], weights),
        }
    return values, samples, ranking, float(threshold[0])


def _calibration_errors(predicted: Floats, true: Floats, weights: Floats) -> Floats:
    """The expected calibration error of each resample, `[B]`."""
    known = ~(np.isnan(predicted) | np.isnan(true))
    p, t = np.where(known, predicted, 0.0), np.where(known, true, 0.0)
    place = np.clip((p * BINS).astype(np.int64), 0, BINS - 1)
    gaps, counts = np.zeros((len(p), BINS)), np.zeros((len(p), BINS))
    rows = np.broadcast_to(np.arange(len(p))[:, None], p.shape)
    np.add.at(gaps, (rows[known], place[known]), (p - t)[known])
    np.add.at(counts, (rows[known], place[known]), 1.0)
    return ratio(np.abs(weights @ gaps).sum(1), (weights @ counts).sum(1))


def _mean(
    kept: Sequence[tuple[dict[str, float], dict[str, Floats]]],
    predicted: Floats,
    true: Floats,
    weights: Floats | None,
    confidence: float,
) -> FindingScores:
    ranked = ("auroc", "average_precision", "sensitivity")
    values: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    if kept:
        values = {name: float(np.mean([one[name] for one, _ in kept])) for name in ranked}
    if (true >= 0).any():
        values["calibration_error"] = reliability(predicted, true).error
    if weights is not None and len(weights):
        for name in ranked if kept else ():
            # A resample may lack the positives of a rare finding; the mean is then over the others.
            means = np.nanmean(np.stack([samples[name] for _, samples in kept]), axis=0)
            intervals[name] = percentiles(means, confidence)
        errors = _calibration_errors(predicted, true, weights)
        intervals["calibration_error"] = percentiles(errors, confidence)
    known = ~np.isnan(true)
    return FindingScores(
        f"mean over {len(kept)} findings", int(known.any(1).sum()), int((true == 1).sum()), values, intervals
    )


@dataclass(frozen=True, slots=True, eq=False)
class AssertionScores:
    """Findings that captions assert beside labels.

    Parameters
    ----------
    findings : list of FindingScores
        One per finding that a label or a caption has.
    total : FindingScores
        Micro-averaged over all pairs of study and finding with a known label, and the macro-F1 over findings
        with at least one positive.
    """

    findings: list[FindingScores]
    total: FindingScores


def score_assertions(
    findings: Sequence[str],
    asserted: Booleans,
    true: Floats,
    *,
    weights: Floats | None = None,
    confidence: float = 0.95,
) -> AssertionScores:
    """Compare the findings that captions assert with labels.

    Parameters
    ----------
    findings : sequence of str
        F names.
    asserted : ndarray
        `[N, F]`, whether each caption asserts each finding.
    true : ndarray
        Labels `[N, F]`: 1, 0, or NaN if unknown. Pairs without a label are left out.
    weights, confidence
        As in `score_probabilities`.
    """
    known = ~np.isnan(true)
    positive = true == 1
    sums = np.stack([asserted & positive, asserted & known & ~positive, ~asserted & positive]).astype(float)
    whole = _counted(sums.sum(1)[:, None])
    samples = None
    if weights is not None and len(weights):
        samples = _counted(np.stack([weights @ part for part in sums]))
    there = positive.any(0)
    rows: list[FindingScores] = []
    for place, finding in enumerate(findings):
        if not (positive[:, place].any() or (asserted & known)[:, place].any()):
            continue
        rows.append(
            FindingScores(
                finding,
                int(known[:, place].sum()),
                int(positive[:, place].sum()),
                {name: float(whole[name][0, place]) for name in ASSERTION_SCORES},
                {name: percentiles(samples[name][:, place], confidence) for name in ASSERTION_SCORES}
                if samples
                else {},
                asserted=int((asserted & known)[:, place].sum()),
            )
        )
    values, intervals = _totals(sums.sum(1)[:, None], there), {}
    if weights is not None and len(weights):
        resampled = _totals(np.stack([weights @ part for part in sums]), there)
        intervals = {name: percentiles(sample, confidence) for name, sample in resampled.items()}
    total = FindingScores(
        "all findings",
        int(known.any(1).sum()),
        int(positive.sum()),
        {name: float(value[0]) for name, value in values.items()},
        intervals,
        asserted=int((asserted & known).sum()),
    )
    return AssertionScores(rows, total)


def _counted(sums: Floats) -> dict[str, Floats]:
    """Hits, false alarms and misses `[3, B, F]` to precision, recall and F1, `[B, F]` each."""
    hits, alarms, misses = sums
    return {
        "precision": ratio(hits, hits + alarms),
        "recall": ratio(hits, hits + misses),
        "f1": ratio(2 * hits, 2 * hits + alarms + misses),
    }


def _totals(sums: Floats, there: Booleans) -> dict[str, Floats]:
    """Micro-averaged scores and macro-F1, `[B]` each."""
    macro = _counted(sums)["f1"][:, there]
    micro = {name: value[:, 0] for name, value in _counted(sums.sum(-1, keepdims=True)).items()}
    return {**micro, "macro_f1": macro.mean(1) if there.any() else np.zeros(len(macro))}


def patient_weights(groups: Sequence[str], rounds: int, seed: int = 0) -> Floats | None:
    """Weights for a bootstrap over patients; None without rounds."""
    return multiplicities(groups, rounds, seed) if rounds else None
