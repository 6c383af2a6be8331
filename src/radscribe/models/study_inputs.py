"""What decoders read of a study: one vector of the whole, and the cells of its images with their places."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from radscribe.errors import UsageError
from radscribe.labels import VIEW_KINDS
from radscribe.models.decoder import StudyFeatures

VECTORS: dict[str, tuple[str, ...]] = {
    "none": (),
    "probabilities": ("probabilities",),
    "pooled": ("pooled",),
    "both": ("probabilities", "pooled"),
}
CELLS: dict[str, tuple[str, ...]] = {"grid": ("grid",), "maps": ("maps",), "both": ("grid", "maps")}


def choice(what: str, value: str, choices: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The features that an option's value stands for; `UsageError` where there is no such value."""
    if value not in choices:
        raise UsageError(f"no {what} '{value}'", remedy=f"choose {', '.join(choices)}")
    return choices[value]


def threshold_logit(operating_point: float) -> float:
    """The logit of the probability from which on a finding counts as seen; `UsageError` outside 0 to 1."""
    if not 0 < operating_point < 1:
        raise UsageError(f"operating point {operating_point} is not within 0 to 1", remedy="take 0.5")
    return math.log(operating_point / (1 - operating_point))


def study_vector(features: StudyFeatures, names: tuple[str, ...], threshold: float) -> Tensor:
    """The features `names`, of `VECTORS`, side by side: `[N, K]`."""
    parts: list[Tensor] = []
    if "probabilities" in names:
        # Logits: differences near 0 and 1 count too. Above the operating point they are positive.
        parts.append(torch.logit(features.probabilities, eps=1e-4) - threshold)
    if "pooled" in names:
        parts.append(features.get("pooled"))
    return torch.cat(parts, dim=1)


def vector_embedding(inputs: int, width: int) -> nn.Module:
    """`[N, inputs]` → `[N, width]`; standardised first: what tells two images apart is small beside what
    all images share."""
    return nn.Sequential(nn.BatchNorm1d(inputs, affine=False), nn.Linear(inputs, width), nn.LayerNorm(width))


class _StandardCells(nn.BatchNorm1d):
    """Standardises each channel of cells `[N, L, K]` over those that are no padding."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=False)

    def forward(self, cells: Tensor, real: Tensor) -> Tensor:  # type: ignore[override]
        if not self.training:
            return super().forward(cells.transpose(1, 2)).transpose(1, 2)
        standard = torch.zeros_like(cells)
        standard[real] = super().forward(cells[real])
        return standard


class StudyReader(nn.Module):
    """A study's cells, its views joined by a view embedding, and one vector of the whole.

    Parameters
    ----------
    attend : which cells: `grid`, what the backbone saw there; `maps`, each finding's logit there; `both`.
    image_input : the vector that is added to the mean of the cells, if any.
    operating_point : the probability from which on a finding counts as seen.
    width : D of cells and vector.
    places : cells of one image, each with an embedding of its place: without, left and right look alike to
        whoever attends. 0 has none.
    """

    def __init__(
        self,
        findings: int,
        channels: int,
        width: int,
        attend: str,
        image_input: str,
        operating_point: float,
        places: int = 0,
    ) -> None:
        super().__init__()
        self.cells = choice("cells to attend to", attend, CELLS)
        self.vectors = choice("image input", image_input, VECTORS)
        self.inputs = (*self.cells, "views", *self.vectors)
        self.threshold = threshold_logit(operating_point)
        widths = {"grid": channels, "maps": findings, "probabilities": findings, "pooled": channels}
        inputs = sum(widths[name] for name in self.cells)
        self.standardise = _StandardCells(inputs)
        self.projection = nn.Linear(inputs, width)
        self.view_embedding = nn.Embedding(len(VIEW_KINDS), width)
        self.place_embedding = nn.Embedding(places, width) if places else None
        self.norm = nn.LayerNorm(width)
        if self.vectors:
            self.image_embedding = vector_embedding(sum(widths[name] for name in self.vectors), width)

    def forward(self, features: StudyFeatures) -> tuple[Tensor, Tensor, Tensor]:
        """Cells `[N, L, D]`, which of them are no padding `[N, L]` (bool), and the whole `[N, D]`."""
        views = features.get("views")  # [N, L]
        real = views > 0
        parts: list[Tensor] = []
        if "grid" in self.cells:
            parts.append(features.get("grid"))
        if "maps" in self.cells:
            parts.append(features.get("maps") - self.threshold)
        standard = self.standardise(torch.cat(parts, dim=2), real)  # [N, L, K]
        embedded = self.projection(standard) + self.view_embedding(views)  # [N, L, D]
        if self.place_embedding is not None:  # the images of a study stand one after the other
            place = torch.arange(views.shape[1], device=views.device) % self.place_embedding.num_embeddings
            embedded = embedded + self.place_embedding(place)
        cells = self.norm(embedded)
        kept = real.unsqueeze(2).to(cells.dtype)  # [N, L, 1]
        cells = cells * kept
        whole = cells.sum(1) / kept.sum(1)  # [N, D]
        if self.vectors:
            whole = whole + self.image_embedding(study_vector(features, self.vectors, self.threshold))
        return cells, real, whole
