"""Content plans of reports, and the operating points at which the encoder makes plans like them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from radscribe.labels import CHANGES
from radscribe.models.content_plan import ContentPlan
from radscribe.text.changes import changes
from radscribe.text.details import find_details
from radscribe.text.findings import find, summarise

FEWEST = 8  # training reports that must assert a finding, or a side of it, before a plan may
SIDED = 0.15  # share of a finding's assertions that name a side, from which on plans name one
ROUNDS = 20  # of the search for the best micro-F1
MARGINS = torch.arange(0.0, 2.05, 0.1)  # logits between the halves of a map, to choose from


def plan_of_text(text: str, findings: Sequence[str]) -> Tensor:
    """Return what a text asserts, as `ContentPlan` writes it: `[3 F]`, present, on the right, on the left."""
    mentions = [*find(text), *find_details(text)]
    statuses = summarise(mentions)
    plan = torch.zeros(3, len(findings))
    for place, finding in enumerate(findings):
        plan[0, place] = float(statuses.get(finding) == "present")
    places = {finding: place for place, finding in enumerate(findings)}
    for mention in mentions:
        if mention.status == "present" and mention.finding in places:
            plan[1, places[mention.finding]] += mention.side in ("right", "bilateral")
            plan[2, places[mention.finding]] += mention.side in ("left", "bilateral")
    return plan.clamp(max=1).flatten()


def course_of_text(text: str, findings: Sequence[str]) -> Tensor:
    """Return what a text says became of each finding, as `Course` reads it: `[F]` int64."""
    said = changes(text)
    return torch.tensor([1 + CHANGES.index(said[name]) if name in said else 0 for name in findings])


def fit_plan(
    plan: ContentPlan,
    findings: Sequence[str],
    training: Tensor,
    validation: Tensor,
    probabilities: Tensor,
    side_difference: Tensor | None = None,
    score: str = "micro",
) -> float:
    """Set the operating points and sides of a plan; returns the micro-F1 of its findings on validation data.

    Parameters
    ----------
    findings : sequence of str
        Names of the encoder's outputs, F.
    training : Tensor
        Plans of the training texts `[M, 3 F]`: which findings, and which sides, are written at all.
    validation : Tensor
        Plans of the texts of N validation studies `[N, 3 F]`.
    probabilities, side_difference : Tensor
        What the encoder says of them, `[N, F]` each: `StudyFeatures.probabilities` and
        `ContentPlan.side_difference`, if the plan names sides.
    score : {"micro", "macro"}
        Choose the points for the best micro-F1 of all findings, or for the best F1 of each.
    """
    count = training.view(len(training), 3, -1).sum(0)  # [3, F]
    both = (training.view(len(training), 3, -1)[:, 1:].sum(1) == 2).sum(0)  # [F]
    sided = count[1] + count[2] - both  # assertions that name a side
    plan.is_written.copy_(count[0] >= FEWEST)
    plan.is_sided.copy_((sided >= FEWEST) & (sided >= SIDED * count[0]) & bool(plan.columns))
    plan.is_often_bilateral.copy_(both > count[0] - sided)
    plan.is_normal.copy_(torch.tensor([finding == "Normal" for finding in findings]))
    logits = torch.logit(probabilities, eps=1e-4)  # [N, F]
    truth = validation.view(len(validation), 3, -1)[:, 0] > 0  # [N, F]
    points = torch.full((len(findings),), torch.inf)
    f1 = 0.0
    for _ in range(ROUNDS if score == "micro" else 1):
        for f in torch.nonzero(plan.is_written).flatten().tolist():
            points[f] = best_point(logits[:, f], truth[:, f], f1 if score == "micro" else None)
        before, f1 = f1, _micro_f1(logits >= points, truth)
        if abs(f1 - before) < 1e-6:
            break
    plan.operating_points.copy_(points.clamp(-50, 50))
    if side_difference is not None and bool(plan.is_sided.any()):
        plan.side_margin.copy_(_best_margin(plan, side_difference, validation.view(len(validation), 3, -1)))
    return _micro_f1(plan.present(probabilities), truth)


def best_point(logits: Tensor, truth: Tensor, f1: float | None = None) -> float:
    """Return the threshold of one finding, from logits and truth `[N]`; infinity if it is best never said.

    Parameters
    ----------
    f1 : float, optional
        Micro-F1 of all findings so far: a threshold is best if 2 TP - F1 (TP + FP) is largest (Lipton et
        al., Optimal Thresholding of Classifiers to Maximize F1, 2014). None takes the finding's own F1.
    """
    ranked, order = logits.sort(descending=True)
    hits = truth[order].cumsum(0).double()
    said = torch.arange(1, len(ranked) + 1, dtype=torch.float64)
    gain = 2 * hits - f1 * said if f1 is not None else 2 * hits / (said + truth.sum())
    last_of_equals = torch.cat([ranked[1:] < ranked[:-1], torch.ones(1, dtype=torch.bool)])
    gain[~last_of_equals] = -torch.inf
    best = int(gain.argmax())
    if gain[best] <= 0:
        return torch.inf
    below = ranked[best + 1] if best + 1 < len(ranked) else ranked[best] - 0.1
    return float((ranked[best] + below) / 2)


def _micro_f1(said: Tensor, truth: Tensor) -> float:
    return float(2 * (said & truth).sum() / (said.sum() + truth.sum()).clamp(min=1))


def _best_margin(plan: ContentPlan, difference: Tensor, truth: Tensor) -> Tensor:
    """The margin at which sides of findings that are there are right most often; `truth` is `[N, 3, F]`."""
    there = (truth[:, 0] > 0) & plan.is_sided  # [N, F]
    right = []
    for margin in MARGINS:
        neither = (difference.abs() <= margin) & plan.is_often_bilateral
        sides = torch.stack(
            [(difference > margin) | neither, (difference < -margin) | neither], 1
        )  # [N, 2, F]
        right.append(((sides == (truth[:, 1:] > 0)).all(1) & there).sum())
    return MARGINS[int(torch.stack(right).argmax())]
