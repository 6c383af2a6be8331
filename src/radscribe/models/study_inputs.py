"""The inputs of decoders for a study: one vector for all of it, and the cells of its images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from radscribe.errors import UsageError
from radscribe.labels import VIEW_KINDS
from radscribe.models.content_plan import ContentPlan
from radscribe.models.context import ContextReader
from radscribe.models.decoder import StudyFeatures

VECTORS: dict[str, tuple[str, ...]] = {
    "none": (),
    "probabilities": ("probabilities",),
    "pooled": ("pooled",),
    "both": ("probabilities", "pooled"),
    "plan": ("plan",),
    "plan+probabilities": ("plan", "probabilities"),
    "plan+pooled": ("plan", "pooled"),
    "plan+both": ("plan", "probabilities", "pooled"),
}
IMAGE_AT = ("auto", "start", "every-step")
CELLS: dict[str, tuple[str, ...]] = {"grid": ("grid",), "maps": ("maps",), "both": ("grid", "maps")}


def choice(what: str, value: str, choices: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The features of an option's value; raises `UsageError` for an unknown value."""
    if value not in choices:
        raise UsageError(f"no {what} '{value}'", remedy=f"choose {', '.join(choices)}")
    return choices[value]


def threshold_logit(operating_point: float) -> float:
    """The logit of the probability from which on a finding counts as seen; `UsageError` outside 0 to 1."""
    if not 0 < operating_point < 1:
        raise UsageError(f"operating point {operating_point} is not within 0 to 1", remedy="use 0.5")
    return math.log(operating_point / (1 - operating_point))


def at_every_step(image_at: str, vectors: tuple[str, ...]) -> bool:
    """Return whether the image is an input at every word; "auto" puts it there if it has a content plan.

    Raises
    ------
    UsageError
        If `image_at` is none of `IMAGE_AT`.
    """
    if image_at not in IMAGE_AT:
        raise UsageError(f"no place of the image '{image_at}'", remedy=f"choose {', '.join(IMAGE_AT)}")
    return image_at == "every-step" or (image_at == "auto" and "plan" in vectors)


class ImageEmbedding(nn.Sequential):
    """One vector `[N, width]` for a study, from the encoder's vectors and its content plan.

    The encoder's vectors are standardised first, because what tells two images apart is small beside what
    all images share.

    Parameters
    ----------
    vectors : tuple of str
        A value of `VECTORS`.
    findings, channels, places : int
        F, C and cells per image of the features.
    width : int
        Width of the result.
    threshold : float
        Logit from which on a finding counts as seen. A content plan has operating points of its own.
    """

    def __init__(
        self,
        vectors: tuple[str, ...],
        findings: int,
        channels: int,
        places: int,
        width: int,
        threshold: float,
    ) -> None:
        encoded = tuple(name for name in vectors if name != "plan")
        inputs = sum({"probabilities": findings, "pooled": channels}[name] for name in encoded)
        layers = (nn.BatchNorm1d(inputs, affine=False), nn.Linear(inputs, width), nn.LayerNorm(width))
        super().__init__(*(layers if encoded else ()))
        self._vectors, self.threshold = encoded, threshold
        self.plan: ContentPlan | None = None
        if "plan" in vectors:
            self.plan = ContentPlan(findings, places)
            self.plan_embedding = nn.Sequential(nn.Linear(self.plan.width, width), nn.LayerNorm(width))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Features that it reads."""
        return tuple(dict.fromkeys((*(self.plan.inputs if self.plan else ()), *self._vectors)))

    def forward(self, features: StudyFeatures) -> Tensor:
        parts: list[Tensor] = []
        if "probabilities" in self._vectors:
            # Logits: differences near 0 and 1 count too. Above the operating point they are positive.
            parts.append(torch.logit(features.probabilities, eps=1e-4) - self.threshold)
        if "pooled" in self._vectors:
            parts.append(features.get("pooled"))
        embedded: list[Tensor] = []
        if parts:
            standardise, project, normalise = list(self)[:3]
            embedded.append(normalise(project(standardise(torch.cat(parts, dim=1)))))
        if self.plan is not None:
            embedded.append(self.plan_embedding(self.plan(features)))
        return torch.stack(embedded).sum(0) if len(embedded) > 1 else embedded[0]


class _StandardCells(nn.BatchNorm1d):
    """Standardises each channel of cells `[N, L, K]` except padding."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=False)

    def forward(self, cells: Tensor, real: Tensor) -> Tensor:  # type: ignore[override]
        if not self.training:
            return self.as_learned(cells)
        standard = torch.zeros_like(cells)
        standard[real] = super().forward(cells[real])
        return standard

    def as_learned(self, cells: Tensor) -> Tensor:
        """Standardise by what was learned so far, and learn nothing."""
        mean, variance = self.running_mean, self.running_var
        return functional.batch_norm(cells.transpose(1, 2), mean, variance, eps=self.eps).transpose(1, 2)


class StudyReader(nn.Module):
    """A study's cells, its views joined by a view embedding, and one vector of the whole.

    Parameters
    ----------
    attend : str
        Which cells: `grid`, what the backbone saw there; `maps`, each finding's logit there; `both`.
    image_input : str
        The vector that is added to the mean of the cells, if any.
    operating_point : float
        The probability from which on a finding counts as seen.
    width : int
        D of cells and vector.
    places : int
        Cells of one image, each with an embedding of its place: without it, left and right look alike to a
        decoder that attends. 0 has none.
    context : ContextReader, optional
        Adds the tokens of the context behind the cells, and its vector to that of the whole.
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
        context: ContextReader | None = None,
    ) -> None:
        super().__init__()
        self.cells = choice("cells to attend to", attend, CELLS)
        self.vectors = choice("image input", image_input, VECTORS)
        self.threshold = threshold_logit(operating_point)
        inputs = sum({"grid": channels, "maps": findings}[name] for name in self.cells)
        self.standardise = _StandardCells(inputs)
        self.projection = nn.Linear(inputs, width)
        self.view_embedding = nn.Embedding(len(VIEW_KINDS), width)
        self.place_embedding = nn.Embedding(places, width) if places else None
        self.norm = nn.LayerNorm(width)
        self.inputs: tuple[str, ...] = (*self.cells, "views")
        if self.vectors:
            self.image_embedding = ImageEmbedding(
                self.vectors, findings, channels, places, width, self.threshold
            )
            self.inputs = tuple(dict.fromkeys((*self.inputs, *self.image_embedding.inputs)))
        self.context = context
        if context is not None:
            earlier = [f"prior_{name}" for name in (*self.cells, "views") if "prior" in context.parts]
            self.inputs = tuple(dict.fromkeys((*self.inputs, *context.inputs, *earlier)))

    def forward(self, features: StudyFeatures) -> tuple[Tensor, Tensor, Tensor]:
        """Cells `[N, L, D]`, which of them are not padding `[N, L]` (bool), and the whole `[N, D]`.

        With a context its S tokens follow the cells: `[N, L + S, D]`.
        """
        cells, real = self._embedded(features)
        kept = real.unsqueeze(2).to(cells.dtype)  # [N, L, 1]
        whole = cells.sum(1) / kept.sum(1)  # [N, D]
        if self.vectors:
            whole = whole + self.image_embedding(features)
        if self.context is None:
            return cells, real, whole
        earlier = self._embedded(features, "prior_") if "prior" in self.context.parts else None
        context = self.context(features, earlier)
        cells, real = torch.cat([cells, context.memory], dim=1), torch.cat([real, context.real], dim=1)
        return cells, real, whole + context.vector

    def _embedded(self, features: StudyFeatures, when: str = "") -> tuple[Tensor, Tensor]:
        """Cells `[N, L, D]`, and which are real `[N, L]`; of the earlier study if `when` is "prior_"."""
        views = features.get(f"{when}views")  # [N, L]
        real = views > 0
        parts: list[Tensor] = []
        if "grid" in self.cells:
            parts.append(features.get(f"{when}grid"))
        if "maps" in self.cells:
            parts.append(features.get(f"{when}maps") - self.threshold)
        joined = torch.cat(parts, dim=2)  # [N, L, K]
        # Batches may hold no earlier study at all, so that nothing is learned from those.
        standard = self.standardise.as_learned(joined) if when else self.standardise(joined, real)
        embedded = self.projection(standard) + self.view_embedding(views)  # [N, L, D]
        if self.place_embedding is not None:  # the images of a study follow one another
            place = torch.arange(views.shape[1], device=views.device) % self.place_embedding.num_embeddings
            embedded = embedded + self.place_embedding(place)
        cells = self.norm(embedded)
        return cells * real.unsqueeze(2).to(cells.dtype), real
