"""Platt scaling: logits to probabilities that mean what they say (Platt, 1999; Guo et al., ICML 2017)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

STRENGTH = 4.0  # of the pull towards the identity, in positive examples: few examples move it little


def fit_platt(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift of each finding, `[F]` each, from validation logits and labels `[N, F]` (NaN unknown).

    The pull towards scale 1 keeps a finding with a handful of positives from a wild fit.
    """
    log_scale = torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=True)
    known = ~labels.isnan()
    x, y = logits.double(), labels.nan_to_num().double()
    optimiser = torch.optim.LBFGS([log_scale, shift], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.binary_cross_entropy_with_logits(
            x * log_scale.exp() + shift, y, weight=known.double(), reduction="sum"
        )
        loss = loss + STRENGTH * (log_scale**2).sum() + 0.1 * (shift**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return log_scale.detach().exp().float(), shift.detach().float()


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 10) -> float:
    """Mean gap of confidence and frequency over equal bins, all findings together (Naeini et al., 2015)."""
    known = ~labels.isnan()
    p, y = probabilities[known], labels[known]
    index = (p * bins).long().clamp(0, bins - 1)
    count = torch.bincount(index, minlength=bins).double()
    gap = torch.bincount(index, weights=p.double(), minlength=bins) - torch.bincount(
        index, weights=y.double(), minlength=bins
    )
    return float(gap.abs().sum() / count.sum())
