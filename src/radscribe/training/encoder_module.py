"""CheXNet's training: one sigmoid a finding, binary cross-entropy, AUROC by epoch.

Rajpurkar et al., CheXNet: Radiologist-Level Pneumonia Detection on Chest X-Rays with Deep Learning, 2017.
"""

from __future__ import annotations

from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from radscribe.evaluation.findings.ranking import auroc
from radscribe.labels import VIEW_KINDS
from radscribe.models.encoder import VIEWS, Encoder
from radscribe.training.augment import augment
from radscribe.training.config import EncoderConfig
from radscribe.training.engine import gathered
from radscribe.training.image_data import Example

WARM_UP = 0.1  # share of the steps
OPTIMISERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
FIRST_VIEW = VIEW_KINDS.index(VIEWS[0])


class EncoderModule(L.LightningModule):
    """Trains an `Encoder` on batches of `ImageData`.

    Parameters
    ----------
    encoder : with the weights that training starts from.
    prevalence : `[F]`, how often each finding is met in the training part; 0.5 where it is never known.
    """

    unit = "images"
    presence_weight: Tensor | None

    def __init__(self, config: EncoderConfig, encoder: Encoder, prevalence: Tensor) -> None:
        super().__init__()
        self.config, self.encoder = config, encoder
        # Convolutions on CPUs are faster with the channels innermost (1.4 times on EfficientNet-Lite0).
        self.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        weight = 1 - prevalence if config.class_weights else None  # w+ = |N| / (|P| + |N|)
        self.register_buffer("presence_weight", weight, persistent=False)
        self._validation: list[tuple[Tensor, ...]] = []  # logits, labels, views, logits of views

    def training_step(self, batch: Example, index: int) -> Tensor:
        images = augment(batch.pixels.float() / 255, self.config.image_size, self.config.mirror)
        targets = batch.targets
        if self.config.mixup:
            images, targets = mix(images, targets, self.config.mixup)
        output = self.encoder(images.contiguous(memory_format=torch.channels_last))
        loss = self._loss(output.logits, targets, output.view_logits, batch.view)
        self.log("loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(targets))
        return loss

    def count(self, batch: Example) -> int:
        return len(batch.pixels)

    def validation_step(self, batch: Example, index: int) -> None:
        output = self.encoder(as_input(batch.pixels, self.config.image_size))
        head = [] if output.view_logits is None else [output.view_logits]
        self._validation.append(tuple(x.cpu() for x in (output.logits, batch.labels, batch.view, *head)))

    def on_validation_epoch_end(self) -> None:
        parts = zip(*gathered(self._validation), strict=True)
        logits, labels, view, *heads = (torch.cat(part) for part in parts)
        self._validation.clear()
        self.log("val_loss", self._loss(logits, labels, heads[0] if heads else None, view))
        by_finding = zip(self.encoder.findings, aurocs(logits, labels), strict=True)
        known = {finding: value for finding, value in by_finding if not np.isnan(value)}
        self.log("val_auroc", float(np.mean([*known.values()])) if known else 0.5)
        for finding, value in known.items():
            self.log(f"val_auroc/{finding}", value)
        if heads:
            self.log("val_view_accuracy", view_accuracy(heads[0], view))

    def configure_optimizers(self) -> Any:
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
        if config.schedule == "plateau":  # the paper's: at the first epoch that is no better
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.1, patience=0)
            return {"optimizer": optimiser, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}
        cosine = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            config.learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
            pct_start=WARM_UP,
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}

    def _loss(self, logits: Tensor, targets: Tensor, view_logits: Tensor | None, view: Tensor) -> Tensor:
        loss = masked_loss(logits, targets, self.presence_weight)
        if view_logits is None:
            return loss
        kind = view - FIRST_VIEW  # the unknown view comes after the known ones, and is masked
        return loss + F.cross_entropy(view_logits, kind, ignore_index=len(VIEWS), reduction="sum") / len(view)


def mix(images: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Mix each image with another one of the batch, and their targets alike (Zhang et al., ICLR 2018).

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
    presence_weight : `[F]`, CheXNet's w+ of what is present; what is absent counts 1 - w+.
    """
    known = ~targets.isnan()
    y = targets.nan_to_num()
    present, absent = y * F.softplus(-logits), (1 - y) * F.softplus(logits)  # [N, F] each
    if presence_weight is not None:
        weight = presence_weight.to(present)
        present, absent = weight * present, (1 - weight) * absent
    return ((present + absent) * known).sum() / len(logits)


def aurocs(logits: Tensor, labels: Tensor) -> list[float]:
    """Of each of F findings, from `[N, F]` logits and labels; NaN where there is but one class."""
    scores, truth = logits.float().cpu().numpy(), labels.float().cpu().numpy()
    return [auroc(scores[:, f], truth[:, f]) for f in range(truth.shape[1])]


def view_accuracy(view_logits: Tensor, view: Tensor) -> float:
    """Share of the images of known view `[N]` whose view the head `[N, 2]` tells."""
    kind = view - FIRST_VIEW
    known = kind < len(VIEWS)
    return float((view_logits.argmax(-1)[known] == kind[known]).float().mean())
