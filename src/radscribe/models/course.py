"""The course: what became of each finding since the prior study.

In training the course is read from the report, so that the decoder learns to write what its course says. In
use it is read from both studies: from the finding probabilities, from the extent of the findings where there
are maps, and from the difference of the pooled vectors, which tells a finding that has grown from one that
has not (the probability of a finding is near 1 whatever its size).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radscribe.labels import CHANGES, Change
from radscribe.models.decoder import Decoder, StudyFeatures

LEAST_EXTENT = 1e-4
LEAST_SPREAD = 1e-3
LOGIT_SCALE = 0.25  # brings finding logits to about -1..1
KINDS = 1 + len(CHANGES)  # nothing is said of it, or one of the changes
_BACKWARDS: dict[Change, Change] = {
    "appeared": "resolved",
    "resolved": "appeared",
    "larger": "smaller",
    "smaller": "larger",
    "unchanged": "unchanged",
}
OPPOSITE = [0, *(1 + CHANGES.index(_BACKWARDS[change]) for change in CHANGES)]
HIDDEN = 128
DROPOUT = 0.3


class Course(nn.Module):
    """Compares two studies of a patient.

    Parameters
    ----------
    findings, channels : int
        F and C of the features. Without channels no pooled vectors are compared.
    maps : bool
        Whether the decoder reads finding maps. The extent of each finding, now and earlier, is compared then.
    """

    spread: Tensor

    def __init__(self, findings: int, channels: int = 0, *, maps: bool = False) -> None:
        super().__init__()
        self.findings, self.channels, self.maps = findings, channels, maps
        self.compared_width = findings * (6 if maps else 3)
        self.of_findings = nn.Linear(self.compared_width, HIDDEN)
        self.of_pooled = nn.Linear(channels, HIDDEN, bias=False) if channels else None
        self.output = nn.Linear(HIDDEN, findings * KINDS)
        self.dropout = nn.Dropout(DROPOUT)
        self.register_buffer("spread", torch.ones(channels))  # of pooled vectors, see `fit`

    @property
    def inputs(self) -> tuple[str, ...]:
        """Features that are compared."""
        kinds = ("probabilities", *(("pooled",) if self.channels else ()))
        kinds += ("maps", "views") if self.maps else ()
        return (*kinds, "prior_given", *(f"prior_{kind}" for kind in kinds))

    def fit(self, pooled: Tensor) -> None:
        """Learn how much pooled vectors differ from study to study, from those of some studies `[M, C]`."""
        self.spread.copy_(pooled.std(0, correction=0).clamp(min=LEAST_SPREAD))

    def forward(self, features: StudyFeatures, compared: Tensor) -> Tensor:
        """Return the course that the features bring, or read it: `[N, 6 F]` of zeros and ones.

        Parameters
        ----------
        compared : Tensor
            `[N, K]` of `compare`.
        """
        kinds = features.course
        if kinds is None:
            kinds = self.logits(features, compared).argmax(2)  # [N, F]
        one_hot = kinds.unsqueeze(2) == torch.arange(KINDS, device=kinds.device)  # [N, F, 6]
        return one_hot.flatten(1).to(compared.dtype)

    def logits(self, features: StudyFeatures, compared: Tensor) -> Tensor:
        """Return logits of what became of each finding, `[N, F, 6]`: nothing said, then `CHANGES`.

        They are the mean of two readings, of which the second has the studies exchanged: what has appeared
        has resolved then. So the course of two studies is always the opposite of their course backwards.
        """
        grown = None
        if self.of_pooled is not None:
            grown = (features.get("pooled") - features.get("prior_pooled")) / self.spread  # [N, C]
        kinds = self.compared_width // (3 * self.findings)  # 1, or 2 with maps
        now, then, more = compared.view(-1, kinds, 3, self.findings).unbind(2)  # each [N, kinds, F]
        backwards = torch.stack([then, now, -more], dim=2).flatten(1)
        ahead = self._read(compared, grown)
        back = self._read(backwards, None if grown is None else -grown)
        return (ahead + back[:, :, OPPOSITE]) / 2

    def _read(self, compared: Tensor, grown: Tensor | None) -> Tensor:
        hidden = self.of_findings(compared)  # [N, H]
        if self.of_pooled is not None and grown is not None:
            hidden = hidden + self.of_pooled(self.dropout(grown))
        logits: Tensor = self.output(self.dropout(nn.functional.gelu(hidden)))
        return logits.view(-1, self.findings, KINDS)

    def probabilities(self, features: StudyFeatures) -> Tensor:
        """Return probabilities of what became of each finding `[N, F, 6]`; zeros without a prior."""
        given = (features.get("prior_given") > 0).view(-1, 1, 1)
        return self.logits(features, self.compare(features)).softmax(2) * given

    def compare(self, features: StudyFeatures) -> Tensor:
        """Each finding now, earlier, and the difference `[N, 3 F]`; with maps also its extent `[N, 6 F]`."""
        now, then = (
            LOGIT_SCALE * torch.logit(features.get(name), eps=1e-4)
            for name in ("probabilities", "prior_probabilities")
        )
        compared = [now, then, now - then]
        if self.maps:
            large, small = (
                LOGIT_SCALE * _extent(features.get(f"{when}maps"), features.get(f"{when}views"))
                for when in ("", "prior_")
            )
            compared += [large, small, large - small]
        return torch.cat(compared, dim=1)


def _extent(maps: Tensor, views: Tensor) -> Tensor:
    """Logarithm of the share of the cells that each finding covers, `[N, F]`."""
    real = (views > 0).unsqueeze(2)  # [N, L, 1]
    share = (torch.sigmoid(maps) * real).sum(1) / real.sum(1).clamp(min=1)
    return torch.log(share + LEAST_EXTENT)


def course_of(decoder: Decoder) -> Course | None:
    """Return what a decoder compares two studies with, or None."""
    return next((module for module in decoder.modules() if isinstance(module, Course)), None)
