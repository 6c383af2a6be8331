"""Training of a decoder on features, by an objective; validation decodes freely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional

from radscribe.errors import UsageError
from radscribe.models.captioner import greedy
from radscribe.models.content_plan import plan_of
from radscribe.models.decoder import Decoder
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.caption_data import CaptionBatch
from radscribe.training.config import DecoderConfig
from radscribe.training.engine import gathered
from radscribe.training.objectives import Objective
from radscribe.training.objectives.cross_entropy import cross_entropy
from radscribe.training.validation import Captioned, caption_scores

PATIENCE = 3  # epochs without a better figure before the learning rate is halved


class DecoderModule(L.LightningModule):
    """Trains a `Decoder` on batches of `CaptionData`.

    Every epoch logs `loss` and the objective's figures; of greedy captions of the validation part
    `val_score` and what it is made of (`validation.caption_scores`); and, as information, `val_loss`, the
    cross-entropy under teacher forcing.
    """

    unit = "words"

    def __init__(
        self,
        config: DecoderConfig,
        decoder: Decoder,
        tokenizer: ReportTokenizer,
        objective: Objective,
        findings: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.config, self.decoder, self.tokenizer, self.objective = config, decoder, tokenizer, objective
        self.findings = tuple(findings)  # the encoder's outputs
        self.finding_head: nn.Linear | None = None  # of the auxiliary loss; it does not go into a bundle
        if config.auxiliary_findings:
            if not (decoder.state_width and findings):
                raise UsageError(
                    "auxiliary_findings needs an encoder and a decoder with a state",
                    remedy="set auxiliary_findings=0",
                )
            self.finding_head = nn.Linear(decoder.state_width, len(findings))
        self._captioned: list[Captioned] = []

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
        total = loss.total
        figures: dict[str, Tensor | float] = {"loss": total, **loss.figures}
        if self.finding_head is not None and loss.first is not None and batch.findings is not None:
            # From the state before the first word: what the caption will be about, not what it has said.
            missed = functional.binary_cross_entropy_with_logits(
                self.finding_head(loss.first), batch.findings
            )
            figures["finding_loss"] = missed
            total = total + self.config.auxiliary_findings * missed
        self.log_dict(figures, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(batch.ids))
        return total

    def validation_step(self, batch: CaptionBatch, index: int) -> None:
        taught = cross_entropy(self.decoder, batch, self.tokenizer.pad, weighted=False).total
        self.log("val_loss", taught, batch_size=len(batch.ids), sync_dist=True)
        tokenizer, longest = self.tokenizer, self.config.max_length
        words = greedy(self.decoder, batch.features, tokenizer.bos, tokenizer.eos, longest).tolist()
        captions = [tokenizer.decode(row) for row in words]
        plans: list[tuple[str, ...] | None] = [None] * len(captions)
        if (plan := plan_of(self.decoder)) is not None:
            present = plan(batch.features)[:, : plan.findings].bool().tolist()
            plans = [tuple(f for f, yes in zip(self.findings, row, strict=True) if yes) for row in present]
        self._captioned += map(Captioned, batch.ids, captions, batch.references, plans)

    def on_validation_epoch_end(self) -> None:
        # In the same order for any number of processes.
        captioned = sorted(gathered(self._captioned), key=lambda one: one.id)
        self.log_dict(caption_scores(captioned, self.config.reward))
        self._captioned.clear()

    def configure_optimizers(self) -> Any:
        optimiser = torch.optim.AdamW(
            self.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimiser, self.config.mode, factor=0.5, patience=PATIENCE
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "monitor": self.config.monitor},
        }
