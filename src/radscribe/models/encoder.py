"""The encoder: a radiograph to a feature grid, a pooled vector and calibrated finding probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radscribe.errors import UsageError
from radscribe.labels import CHESTXRAY14, VIEW_KINDS
from radscribe.registry import Registry

# A backbone turns images `[N, 3, H, W]` into a grid `[N, channels, H/stride, W/stride]`. It has `channels`,
# `stride`, `mean` and `std` of its input, `float_convolutions` (that int8 leaves in float32) and, if it is
# pretrained, `imagenet_state()`.
BACKBONES: Registry[Callable[..., nn.Module]] = Registry(
    "backbone",
    {
        "densenet121": "radscribe.models.densenet:DenseNet121",
        "efficientnet-lite0": "radscribe.models.efficientnet_lite:lite0",
        "efficientnet-lite1": "radscribe.models.efficientnet_lite:lite1",
        "efficientnet-lite2": "radscribe.models.efficientnet_lite:lite2",
    },
)
Pooling = Literal["mean", "odds"]
VIEWS = VIEW_KINDS[1:3]  # frontal, lateral: what the view head tells apart


def _of_hub(architecture: Mapping[str, Any], image_size: int, **options: Any) -> nn.Module:
    from radscribe.models.hub_backbone import HubBackbone  # transformers takes seconds to import

    return HubBackbone(architecture, image_size, **options)


class EncoderOutput(NamedTuple):
    """The encoder's output for N images."""

    grid: Tensor  # [N, C, h, w]
    pooled: Tensor  # [N, C]
    logits: Tensor  # [N, F], as the head gives them
    probabilities: Tensor  # [N, F], calibrated
    maps: Tensor  # [N, F, h, w], calibrated logits of each cell
    view_logits: Tensor | None = None  # [N, 2] of `VIEWS`, where the encoder has a view head


class Encoder(nn.Module):
    """Backbone, global average pooling and one logit per finding (CheXNet's head).

    Input normalisation, label order and calibration are part of the module, so that they travel with the
    weights.

    Parameters
    ----------
    backbone : str
        Name in `BACKBONES`.
    image_size : int
        Side of the square input in pixels, divisible by the backbone's stride.
    findings : tuple of str
        Label order of the head.
    backbone_options : dict of str to int or bool
        Options of the backbone's class.
    view_head : bool
        Tell frontal from lateral too; such an encoder is trained on both.
    architecture : mapping
        Of a backbone that is a checkpoint of the Hub, see `HubBackbone`; empty for those in `BACKBONES`.
    pooling : Pooling
        How the cells' logits become the image's. "mean" averages logits (CheXNet); "odds" averages odds, a
        log-mean-exp (Wang et al., ChestX-ray8, CVPR 2017, with r = 1), so a small finding may not fill
        the map.
    """

    mean: Tensor
    std: Tensor
    calibration_scale: Tensor
    calibration_shift: Tensor

    def __init__(
        self,
        backbone: str = "densenet121",
        image_size: int = 224,
        findings: tuple[str, ...] = CHESTXRAY14,
        dropout: float = 0.0,
        backbone_options: Mapping[str, int | bool] = MappingProxyType({}),
        view_head: bool = False,
        pooling: Pooling = "mean",
        architecture: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.pooling = pooling
        make = partial(_of_hub, architecture, image_size) if architecture else BACKBONES[backbone]
        self.backbone_name, self.image_size, self.findings = backbone, image_size, findings
        self.backbone_options = dict(backbone_options)
        try:
            self.backbone = make(**backbone_options)
        except TypeError as error:
            raise UsageError(f"backbone_options of {backbone}: {error}", remedy="leave them out") from error
        self.channels, self.stride = cast(int, self.backbone.channels), cast(int, self.backbone.stride)
        if image_size % self.stride:
            raise UsageError(
                f"image size {image_size} is not divisible by {self.stride}",
                remedy=f"use {max(image_size // self.stride, 1) * self.stride}",
            )
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.channels, len(findings))
        self.view_classifier = nn.Linear(self.channels, len(VIEWS)) if view_head else None
        self.register_buffer("mean", torch.tensor(self.backbone.mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(self.backbone.std).view(1, -1, 1, 1))
        # Platt scaling, fitted on validation data: probability = sigmoid(scale * logit + shift).
        self.register_buffer("calibration_scale", torch.ones(len(findings)))
        self.register_buffer("calibration_shift", torch.zeros(len(findings)))

    @property
    def places(self) -> int:
        """Cells of one image's grid."""
        return (self.image_size // self.stride) ** 2

    @property
    def views(self) -> tuple[str, ...]:
        """The kinds of view that it was trained on."""
        return VIEWS if self.view_classifier is not None else VIEWS[:1]

    def forward(self, images: Tensor) -> EncoderOutput:
        """`images` is float32 `[N, 1, S, S]` in 0..1, bright is dense."""
        return self.head(self.grid(images))

    def grid(self, images: Tensor) -> Tensor:
        """The backbone's grid for images: `[N, C, h, w]`."""
        # Grey is repeated on the channels by broadcasting: [N, 3, S, S].
        grid: Tensor = self.backbone((images - self.mean) / self.std)
        return grid

    def head(self, grid: Tensor) -> EncoderOutput:
        """The output for images, from their grid `[N, C, h, w]`."""
        pooled = grid.mean(dim=(2, 3))  # [N, C]
        if self.pooling == "odds":
            grid = F.dropout2d(grid, self.dropout.p, self.training)
        # Class activation maps (Zhou et al., CVPR 2016): the head, on each cell instead of on their mean.
        cells = torch.einsum("nchw,fc->nfhw", grid, self.classifier.weight)
        cells = cells + self.classifier.bias.view(1, -1, 1, 1)
        if self.pooling == "odds":
            logits = torch.logsumexp(cells, (2, 3)) - math.log(cells.shape[2] * cells.shape[3])  # [N, F]
        else:
            logits = self.classifier(self.dropout(pooled))
        probabilities = torch.sigmoid(logits * self.calibration_scale + self.calibration_shift)
        scale, shift = self.calibration_scale.view(1, -1, 1, 1), self.calibration_shift.view(1, -1, 1, 1)
        views = None if self.view_classifier is None else self.view_classifier(pooled)  # [N, 2]
        return EncoderOutput(grid, pooled, logits, probabilities, cells * scale + shift, views)
