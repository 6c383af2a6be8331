"""The content plan: which findings, and which sides, a caption is about.

In training the plan is read from the report, so that the decoder learns to write what its plan says. In use
it is read from the encoder: findings above their operating points, on the side where the finding map is
stronger. The operating points travel with the decoder's weights (`training.content_plan` fits them).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from radscribe.labels import VIEW_KINDS
from radscribe.models.decoder import Decoder, StudyFeatures

FRONTAL = VIEW_KINDS.index("frontal")
NOWHERE = -1e4  # logit of a half without a cell


class ContentPlan(nn.Module):
    """Reads a plan `[N, 3 F]` of zeros and ones: present, on the right, on the left, for each finding.

    Parameters
    ----------
    findings : int
        F, outputs of the encoder.
    places : int
        Cells of one image. Sides need a square map; without one, a plan names no sides.
    """

    operating_points: Tensor
    side_margin: Tensor
    is_sided: Tensor
    is_often_bilateral: Tensor
    is_written: Tensor
    is_normal: Tensor

    def __init__(self, findings: int, places: int = 0) -> None:
        super().__init__()
        side = math.isqrt(places)
        self.findings, self.places = findings, places
        self.columns = side if side > 1 and side * side == places else 0
        self.width = 3 * findings
        flags = torch.zeros(findings, dtype=torch.bool)
        self.register_buffer("operating_points", torch.zeros(findings))  # logits
        self.register_buffer("side_margin", torch.tensor(0.5))  # logits between the halves of a map
        self.register_buffer("is_sided", flags.clone())  # findings that reports place on a side
        self.register_buffer("is_often_bilateral", flags.clone())  # if placed: both sides, rather than none
        self.register_buffer("is_written", ~flags)  # findings that the training reports assert
        self.register_buffer("is_normal", flags.clone())  # "Normal", which excludes every other finding

    @property
    def inputs(self) -> tuple[str, ...]:
        """Features that the plan is read from."""
        return ("probabilities", "maps", "views") if self.columns else ("probabilities",)

    def forward(self, features: StudyFeatures) -> Tensor:
        """Return the plan that the features bring, or read it from the encoder's outputs."""
        if features.plan is not None:
            return features.plan
        present = self.present(features.probabilities)
        if self.columns:
            stronger = self.side_difference(features.get("maps"), features.get("views"))
            neither = (stronger.abs() <= self.side_margin) & self.is_often_bilateral
            placed = present & self.is_sided
            right = placed & ((stronger > self.side_margin) | neither)
            left = placed & ((stronger < -self.side_margin) | neither)
        else:
            right = left = torch.zeros_like(present)
        return torch.cat([present, right, left], dim=1).to(features.probabilities.dtype)

    def present(self, probabilities: Tensor) -> Tensor:
        """Return which findings are above their operating points `[N, F]`; "Normal" only on its own."""
        above = (torch.logit(probabilities, eps=1e-4) >= self.operating_points) & self.is_written
        abnormal = above & ~self.is_normal
        return abnormal | (above & ~abnormal.any(1, keepdim=True))

    def side_difference(self, maps: Tensor, views: Tensor) -> Tensor:
        """Logit of the patient's right half minus that of the left `[N, F]`, from the frontal images.

        The odds of a half are the mean of its cells' odds. A study without a frontal image has 0.
        """
        column = torch.arange(views.shape[1], device=views.device) % self.places % self.columns  # [L]
        frontal = views == FRONTAL  # [N, L]
        halves = []
        for half in (
            column * 2 < self.columns - 1,
            column * 2 > self.columns - 1,
        ):  # the right is on the left
            cells = maps.masked_fill(~(frontal & half).unsqueeze(2), NOWHERE)
            halves.append(torch.logsumexp(cells, dim=1))
        difference = halves[0] - halves[1]
        return torch.where(frontal.any(1, keepdim=True), difference, torch.zeros_like(difference))


def plan_of(decoder: Decoder) -> ContentPlan | None:
    """Return the content plan that a decoder writes by, or None."""
    return next((module for module in decoder.modules() if isinstance(module, ContentPlan)), None)
