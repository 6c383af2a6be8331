"""Training of a decoder on features, by an objective; validation decodes freely."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor

from radscribe.models.captioner import greedy
from radscribe.models.decoder import Decoder
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.caption_data import CaptionBatch
from radscribe.training.config import DecoderConfig
from radscribe.training.engine import gathered
from radscribe.training.objectives import Objective
from radscribe.training.objectives.cross_entropy import cross_entropy
from radscribe.training.validation import Said, caption_scores

PATIENCE = 3  # epochs without a better figure before the learning rate is halved


class DecoderModule(L.LightningModule):
    """Trains a `Decoder` on batches of `CaptionData`.

    Every epoch logs `loss` and the objective's figures; of greedy captions of the validation part
    `val_score` and what it is made of (`validation.caption_scores`); and, as information, `val_loss`, the
    cross-entropy under teacher forcing.
    """

    unit = "words"

    def __init__(
        self, config: DecoderConfig, decoder: Decoder, tokenizer: ReportTokenizer, objective: Objective
    ) -> None:
        super().__init__()
        self.config, self.decoder, self.tokenizer, self.objective = config, decoder, tokenizer, objective
        self._said: list[Said] = []

    def on_train_start(self) -> None:
        self.on_train_epoch_start()  # Lightning leaves that out for the first one resumed

    def on_train_epoch_start(self) -> None:
        loader: Any = self.trainer.train_dataloader
        loader.dataset.set_epoch(self.current_epoch)
        if (rate := self.objective.learning_rate(self.current_epoch)) is not None:
            for group in self.trainer.optimizers[0].param_groups:
                group["lr"] = rate

    def count(self, batch: CaptionBatch) -> Tensor:
        return (batch.tokens[:, 1:] != self.tokenizer.pad).sum()

    def training_step(self, batch: CaptionBatch, index: int) -> Tensor:
        loss = self.objective.loss(self.decoder, batch, self.current_epoch)
        figures: dict[str, Tensor | float] = {"loss": loss.total, **loss.figures}
        self.log_dict(figures, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(batch.ids))
        return loss.total

    def validation_step(self, batch: CaptionBatch, index: int) -> None:
        taught = cross_entropy(self.decoder, batch, self.tokenizer.pad)
        self.log("val_loss", taught, batch_size=len(batch.ids), sync_dist=True)
        tokenizer, longest = self.tokenizer, self.config.max_length
        words = greedy(self.decoder, batch.features, tokenizer.bos, tokenizer.eos, longest).tolist()
        captions = [tokenizer.decode(row) for row in words]
        self._said += map(Said, batch.ids, captions, batch.references)

    def on_validation_epoch_end(self) -> None:
        said = sorted(gathered(self._said))  # in the same order for any number of processes
        self.log_dict(caption_scores(said, self.config.reward))
        self._said.clear()

    def configure_optimizers(self) -> Any:
        optimiser = torch.optim.AdamW(
            self.decoder.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser, self.config.mode, factor=0.5, patience=PATIENCE
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "monitor": self.config.monitor},
        }
