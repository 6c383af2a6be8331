"""Training of a decoder on features: cross-entropy of the next word; validation also decodes freely."""

from __future__ import annotations

from collections import Counter
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.nn import functional as F

from radscribe.models.captioner import greedy
from radscribe.models.decoder import Decoder, StudyFeatures
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.config import DecoderConfig
from radscribe.training.engine.processes import gathered


class DecoderModule(L.LightningModule):
    """Trains a `Decoder` on batches of `CaptionData`."""

    unit = "words"

    def __init__(self, config: DecoderConfig, decoder: Decoder, tokenizer: ReportTokenizer) -> None:
        super().__init__()
        self.config, self.decoder, self.tokenizer = config, decoder, tokenizer
        self._captions: Counter[tuple[int, ...]] = Counter()

    def training_step(self, batch: tuple[StudyFeatures, Tensor], index: int) -> Tensor:
        loss = self._loss(batch)
        self.log("loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(batch[1]))
        return loss

    def count(self, batch: tuple[StudyFeatures, Tensor]) -> Tensor:
        return (batch[1][:, 1:] != self.tokenizer.pad).sum()

    def validation_step(self, batch: tuple[StudyFeatures, Tensor], index: int) -> None:
        self.log("val_loss", self._loss(batch), sync_dist=True, batch_size=len(batch[1]))
        eos = self.tokenizer.eos
        for row in greedy(self.decoder, batch[0], self.tokenizer.bos, eos, self.config.max_length).tolist():
            self._captions[tuple(token for token in row if token != eos)] += 1

    def on_validation_epoch_end(self) -> None:
        captions = Counter(gathered(self._captions.elements()))
        self.log("val_distinct", float(len(captions)))
        self.log("val_most_frequent", max(captions.values()) / captions.total())
        self._captions.clear()

    def _loss(self, batch: tuple[StudyFeatures, Tensor]) -> Tensor:
        features, tokens = batch
        taught = self.decoder(features, tokens[:, :-1])
        following = tokens[:, 1:]  # [N, T - 1]
        return F.nll_loss(
            taught.log_probabilities.flatten(0, 1), following.flatten(), ignore_index=self.tokenizer.pad
        )

    def configure_optimizers(self) -> Any:
        optimiser = torch.optim.AdamW(
            self.decoder.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=2)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "monitor": "val_loss"}}
