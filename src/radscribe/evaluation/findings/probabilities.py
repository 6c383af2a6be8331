"""Probabilities of findings beside the truth: ROC, reliability and calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radscribe.evaluation.calibration import Reliability, reliability
from radscribe.evaluation.findings.ranking import auroc
from radscribe.evaluation.metrics.base import Floats

FEWEST = 5  # positives of a finding that a curve is drawn for


@dataclass(frozen=True, slots=True)
class Curve:
    """One finding's ROC: false and true positive rates, from (0, 0) to (1, 1)."""

    finding: str
    positives: int
    auroc: float
    false_rate: Floats
    true_rate: Floats


@dataclass(frozen=True, slots=True)
class Probabilities:
    """What the page shows of probabilities.

    Parameters
    ----------
    source : whose probabilities these are.
    truth : what they are compared with.
    """

    source: str
    truth: str
    curves: list[Curve]
    reliability: Reliability


def examine(
    findings: Sequence[str], predicted: Floats, true: Floats, source: str, truth: str
) -> Probabilities:
    """Curves of probabilities `[N, F]` beside truth `[N, F]`: 1, 0, or NaN where unknown."""
    curves = [
        roc(finding, predicted[:, f], true[:, f])
        for f, finding in enumerate(findings)
        if np.nansum(true[:, f]) >= FEWEST and (true[:, f] == 0).any()
    ]
    return Probabilities(source, truth, curves, reliability(predicted, true))


def roc(finding: str, predicted: Floats, true: Floats) -> Curve:
    """The ROC of one finding, `[N]` each; ties are one step."""
    known = ~np.isnan(true)
    predicted, positive = predicted[known], true[known] > 0.5
    order = np.argsort(-predicted, kind="stable")
    last = np.append(np.diff(predicted[order]) != 0, True)
    hits = np.cumsum(positive[order])[last]
    alarms = np.cumsum(~positive[order])[last]
    return Curve(
        finding,
        int(positive.sum()),
        auroc(predicted, positive.astype(np.float64)),
        np.append(0.0, alarms / max((~positive).sum(), 1)),
        np.append(0.0, hits / max(positive.sum(), 1)),
    )
