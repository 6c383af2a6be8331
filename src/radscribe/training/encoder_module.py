"""CheXNet's training: one sigmoid a finding, binary cross-entropy, AUROC by epoch."""

from __future__ import annotations

from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from radscribe.evaluation.auroc import auroc
from radscribe.models.efficientnet_lite import imagenet_state
from radscribe.models.encoder import Encoder
from radscribe.training.augment import augment
from radscribe.training.config import EncoderConfig
from radscribe.training.engine.processes import gathered

WARM_UP = 0.1  # share of the steps


def build_encoder(config: EncoderConfig) -> Encoder:
    """The encoder of a configuration, untrained."""
    return Encoder(
        config.backbone, config.image_size, config.findings, config.dropout, config.backbone_options
    )


class EncoderModule(L.LightningModule):
    """Trains an `Encoder` on batches of `ImageData`."""

    unit = "images"

    def __init__(self, config: EncoderConfig, prevalence: Tensor | None = None) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config)
        if config.pretrained and config.backbone == "efficientnet-lite0":
            self.encoder.backbone.load_state_dict(imagenet_state())
        with torch.no_grad():
            self.encoder.classifier.weight.mul_(0.1)
            if prevalence is not None:  # start from how often each finding is met
                self.encoder.classifier.bias.copy_(torch.logit(prevalence.clamp(1e-3, 1 - 1e-3)))
        # Convolutions on CPUs are faster with the channels innermost (1.4 times on EfficientNet-Lite0).
        self.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._validation: list[tuple[Tensor, Tensor]] = []

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], index: int) -> Tensor:
        pixels, _, targets = batch
        images = augment(pixels.float() / 255, self.config.image_size)
        if self.config.mixup:
            images, targets = mix(images, targets, self.config.mixup)
        logits = self.encoder(images.contiguous(memory_format=torch.channels_last)).logits
        loss = masked_loss(logits, targets)
        self.log("loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(pixels))
        return loss

    def count(self, batch: tuple[Tensor, Tensor, Tensor]) -> int:
        return len(batch[0])

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor], index: int) -> None:
        pixels, labels, _ = batch
        logits = self.encoder(as_input(pixels, self.config.image_size)).logits
        self._validation.append((logits.cpu(), labels.cpu()))

    def on_validation_epoch_end(self) -> None:
        logits, labels = (torch.cat(parts) for parts in zip(*gathered(self._validation), strict=True))
        self._validation.clear()
        values = [auroc(logits[:, f].numpy(), labels[:, f].numpy()) for f in range(labels.shape[1])]
        known = [value for value in values if not np.isnan(value)]
        self.log("val_auroc", float(np.mean(known)) if known else 0.5)
        self.log("val_loss", masked_loss(logits, labels))

    def configure_optimizers(self) -> Any:
        matrices = [p for p in self.encoder.parameters() if p.ndim > 1]
        vectors = [p for p in self.encoder.parameters() if p.ndim <= 1]  # biases and norms do not decay
        optimiser = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": self.config.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=self.config.learning_rate,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            self.config.learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
            pct_start=WARM_UP,
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


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


def masked_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy summed over the findings that are known, a mean over images."""
    known = ~targets.isnan()
    loss = F.binary_cross_entropy_with_logits(
        logits, targets.nan_to_num(), weight=known.to(logits.dtype), reduction="sum"
    )
    return loss / len(logits)
