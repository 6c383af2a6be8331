"""Calibration: logits to probabilities that mean what they say, fitted on validation data.

Platt scaling (Platt, 1999) has a scale and a shift of each finding; temperature scaling (Guo et al., On
Calibration of Modern Neural Networks, ICML 2017) one scale for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from radscribe.evaluation import calibration
from radscribe.evaluation.calibration import Rows
from radscribe.evaluation.metrics.base import Floats

STRENGTH = 4.0  # of the pull towards the identity, in positive examples: few examples move it little


def fit_platt(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift of each finding, `[F]` each, from validation logits and labels `[N, F]` (NaN unknown).

    The pull towards scale 1 keeps a finding with a handful of positives from a wild fit.
    """
    findings = logits.shape[1]
    log_scale = torch.zeros(findings, dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(findings, dtype=torch.float64, requires_grad=True)
    _minimise(logits, labels, log_scale, shift, [log_scale, shift])
    return log_scale.detach().exp().float(), shift.detach().float()


def fit_temperature(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The same scale for every finding, and no shift; `[F]` each."""
    log_scale = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(logits.shape[1])
    _minimise(logits, labels, log_scale, shift, [log_scale])
    return log_scale.detach().exp().float().expand_as(shift), shift


def identity(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Scale 1 and shift 0: no calibration."""
    return torch.ones(logits.shape[1]), torch.zeros(logits.shape[1])


Fit = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
CALIBRATIONS: dict[str, Fit] = {"platt": fit_platt, "temperature": fit_temperature, "none": identity}


def _minimise(
    logits: Tensor, labels: Tensor, log_scale: Tensor, shift: Tensor, parameters: list[Tensor]
) -> None:
    """Least cross-entropy of `logits * exp(log_scale) + shift` over the known labels."""
    known = ~labels.isnan()
    x, y = logits.double(), labels.nan_to_num().double()
    optimiser = torch.optim.LBFGS(parameters, max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.binary_cross_entropy_with_logits(
            x * log_scale.exp() + shift, y, weight=known.double(), reduction="sum"
        )
        loss = loss + STRENGTH * (log_scale**2).sum() + 0.1 * (shift**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]


def cross_fitted(fit: Fit, logits: Tensor, labels: Tensor, patients: Sequence[str]) -> Tensor:
    """Probabilities `[N, F]`, each by a calibration that was fitted on the other half of the patients.

    Their calibration error is unbiased: measured on the images that it was fitted on, it is too small.
    """

    def predict(rows: Rows, held_out: Rows) -> Floats:
        inside = torch.from_numpy(held_out)
        scale, shift = fit(logits[torch.from_numpy(rows)], labels[torch.from_numpy(rows)])
        probabilities: Floats = torch.sigmoid(logits[inside] * scale + shift).numpy()
        return probabilities

    return torch.from_numpy(calibration.cross_fitted(predict, patients, folds=2))
