"""CheXNet's training, with boxes and lung zones on the finding maps: binary cross-entropy, AUROC per epoch.

Rajpurkar et al., CheXNet: Radiologist-Level Pneumonia Detection on Chest X-Rays with Deep Learning, 2017.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, ReduceLROnPlateau

from radscribe.evaluation.findings.binary_scores import auroc
from radscribe.labels import VIEW_KINDS
from radscribe.models.encoder import VIEWS, Encoder
from radscribe.training.augment import augment, random_affine, warp
from radscribe.training.config import EncoderConfig
from radscribe.training.engine import Task, gathered
from radscribe.training.image_data import Example

WARM_UP = 0.1  # share of the steps
OPTIMISERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
# Where the lung zones are in a frontal image, as shares of its sides. The patient's right is on the left.
ZONE_COLUMNS = ((0.05, 0.50), (0.50, 0.95))
ZONE_ROWS = ((0.08, 0.36), (0.30, 0.60), (0.52, 0.88))
FIRST_VIEW = VIEW_KINDS.index(VIEWS[0])


class EncoderTask(Task):
    """Trains an `Encoder` on batches of `ImageData`.

    Parameters
    ----------
    encoder : Encoder
        With the weights that training starts from.
    prevalence : Tensor
        Share of the known training images with each finding, `[F]`; 0.5 if it is never known.
    """

    unit = "images"
    presence_weight: Tensor | None

    def __init__(self, config: EncoderConfig, encoder: Encoder, prevalence: Tensor) -> None:
        super().__init__()
        self.config, self.encoder, self.average_decay = config, encoder, config.average_decay
        # Convolutions on CPUs are faster with the channels innermost (1.4 times on EfficientNet-Lite0).
        self.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        weight = 1 - prevalence if config.class_weights else None  # w+ = |N| / (|P| + |N|)
        self.register_buffer("presence_weight", weight, persistent=False)
        known = config.zone_finding in config.findings
        self.zone_finding = config.findings.index(config.zone_finding) if known else None

    def count(self, batch: Example) -> int:
        return len(batch.pixels)

    def training_figures(self, batch: Example) -> dict[str, Tensor | float]:
        config = self.config
        affine = random_affine(len(batch.pixels), config.mirror, batch.pixels.device)
        images = augment(batch.pixels.float() / 255, config.image_size, affine=affine)
        targets = batch.targets
        if config.mixup:
            images, targets = mix(images, targets, config.mixup)
        output = self.encoder(images.contiguous(memory_format=torch.channels_last))
        loss = self._loss(output.logits, targets, output.view_logits, batch.view)
        figures: dict[str, Tensor | float] = {}
        cells = output.maps  # logits as the head gives them: calibration is fitted after training
        if config.box_weight and not config.mixup and bool(batch.boxed.any()):
            cover = warp(batch.cover, affine, cells.shape[-1])
            figures["box_loss"] = box = box_loss(cells, cover, batch.boxed)
            loss = loss + config.box_weight * box
        finding = self.zone_finding
        if config.zone_weight and finding is not None and not config.mixup and not config.mirror:
            figures["zone_loss"] = zone = zone_loss(cells[:, finding], batch.zones)
            loss = loss + config.zone_weight * zone
        return {"loss": loss, **figures}

    def validation_figures(self, batches: Iterable[Example]) -> dict[str, float]:
        found: list[tuple[Tensor, ...]] = []  # logits, labels, views, logits of views
        for batch in batches:
            output = self.encoder(as_input(batch.pixels, self.config.image_size))
            head = [] if output.view_logits is None else [output.view_logits]
            found.append(tuple(x.float().cpu() for x in (output.logits, batch.labels, batch.view, *head)))
        logits, labels, view, *heads = (torch.cat(part) for part in zip(*gathered(found), strict=True))
        view, own = view.long(), self.presence_weight
        self.presence_weight = None if own is None else own.cpu()
        figures = {"val_loss": float(self._loss(logits, labels, heads[0] if heads else None, view))}
        self.presence_weight = own
        by_finding = zip(self.encoder.findings, aurocs(logits, labels), strict=True)
        known = {finding: value for finding, value in by_finding if not np.isnan(value)}
        figures["val_auroc"] = float(np.mean([*known.values()])) if known else 0.5
        figures |= {f"val_auroc/{finding}": value for finding, value in known.items()}
        if heads:
            figures["val_view_accuracy"] = view_accuracy(heads[0], view)
        return figures

    def optimisation(self, steps: int) -> tuple[torch.optim.Optimizer, LRScheduler]:
        config = self.config
        matrices = [p for p in self.encoder.parameters() if p.ndim > 1]
        vectors = [p for p in self.encoder.parameters() if p.ndim <= 1]  # biases and norms do not decay
        optimiser = OPTIMISERS[config.optimiser](
            [
                {"params": matrices, "weight_decay": config.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
        )
        if config.schedule == "plateau":  # the paper's: at the first epoch that is not better
            return optimiser, ReduceLROnPlateau(optimiser, factor=0.1, patience=0)
        return optimiser, OneCycleLR(optimiser, config.learning_rate, total_steps=steps, pct_start=WARM_UP)

    def _loss(self, logits: Tensor, targets: Tensor, view_logits: Tensor | None, view: Tensor) -> Tensor:
        loss = masked_loss(logits, targets, self.presence_weight)
        if view_logits is None:
            return loss
        kind = view - FIRST_VIEW  # the unknown view comes after the known ones, and is masked
        return loss + F.cross_entropy(view_logits, kind, ignore_index=len(VIEWS), reduction="sum") / len(view)


def box_loss(cells: Tensor, cover: Tensor, boxed: Tensor) -> Tensor:
    """Return the cross-entropy of cells inside and outside boxes: a mean over cells and images.

    Parameters
    ----------
    cells : Tensor
        Logits of each finding at each cell, `[N, F, h, w]`.
    cover : Tensor
        Share of each cell that is inside a box, `[N, F, h, w]`.
    boxed : Tensor
        Findings that have a box, `[N, F]`. Maps of the others are not touched.
    """
    each = F.binary_cross_entropy_with_logits(cells, cover.clamp(0, 1), reduction="none").mean((2, 3))
    return (each * boxed).sum() / len(cells)


def zone_loss(cells: Tensor, zones: Tensor) -> Tensor:
    """Return the cross-entropy of the lung zones: the odds of a zone are the mean of its cells' odds.

    Parameters
    ----------
    cells : Tensor
        Logits of one finding at each cell of frontal images, `[N, h, w]`.
    zones : Tensor
        Scores of `data.study.ZONES`, `[N, 6]`; above 0 means present, NaN is unknown.
    """
    side = cells.shape[-1]
    total = cells.new_zeros(())
    for place, (column, row) in enumerate((c, r) for c in ZONE_COLUMNS for r in ZONE_ROWS):
        known = ~zones[:, place].isnan()
        if not bool(known.any()):
            continue
        (left, right), (top, bottom) = (
            (int(a * side), max(int(b * side), int(a * side) + 1)) for a, b in (column, row)
        )
        part = cells[known, top:bottom, left:right].flatten(1)  # [K, cells of the zone]
        logit = torch.logsumexp(part, 1) - math.log(part.shape[1])
        present = (zones[known, place] > 0).to(logit)
        total = total + F.binary_cross_entropy_with_logits(logit, present, reduction="sum")
    return total / len(cells)


def mix(images: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Mix each image and its targets with another one of the batch (Zhang et al., ICLR 2018).

    A target that is unknown (NaN) in either stays unknown.
    """
    share = torch.distributions.Beta(alpha, alpha).sample((len(images),)).to(images)
    share = torch.maximum(share, 1 - share)
    other = torch.randperm(len(images), device=images.device)
    w = share.view(-1, 1, 1, 1)
    mixed = w * images + (1 - w) * images[other]
    return mixed, share[:, None] * targets + (1 - share[:, None]) * targets[other]


def as_input(pixels: Tensor, size: int) -> Tensor:
    """Decoded images `[N, 1, H, W]` uint8 → the encoder's `[N, 1, size, size]` in 0..1."""
    x = pixels.float() / 255
    if x.shape[-1] != size:
        x = F.interpolate(x, size, mode="bilinear", antialias=True)
    return x.contiguous(memory_format=torch.channels_last)


def masked_loss(logits: Tensor, targets: Tensor, presence_weight: Tensor | None = None) -> Tensor:
    """Cross-entropy summed over the findings that are known, a mean over images.

    Parameters
    ----------
    presence_weight : Tensor, optional
        `[F]`, CheXNet's w+ for present findings; absent ones get 1 - w+.
    """
    known = ~targets.isnan()
    y = targets.nan_to_num()
    present, absent = y * F.softplus(-logits), (1 - y) * F.softplus(logits)  # [N, F] each
    if presence_weight is not None:
        weight = presence_weight.to(present)
        present, absent = weight * present, (1 - weight) * absent
    return ((present + absent) * known).sum() / len(logits)


def aurocs(logits: Tensor, labels: Tensor) -> list[float]:
    """Of each of F findings, from `[N, F]` logits and labels; NaN if there is only one class."""
    scores, truth = logits.float().cpu().numpy(), labels.float().cpu().numpy()
    return [auroc(scores[:, f], truth[:, f]) for f in range(truth.shape[1])]


def view_accuracy(view_logits: Tensor, view: Tensor) -> float:
    """Share of the images of known view `[N]` whose view the head `[N, 2]` recognises."""
    kind = view - FIRST_VIEW
    known = kind < len(VIEWS)
    return float((view_logits.argmax(-1)[known] == kind[known]).float().mean())
