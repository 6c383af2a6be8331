"""What is drawn in an epoch is a function of the seed, the epoch and the process.

That is what bit-exact resumption is made of: a checkpoint need not hold the states of generators, since
nothing drawn before an epoch reaches into it. Who draws in training takes the global generators of Python,
numpy or torch.
"""

from __future__ import annotations

import random

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from radscribe.data.splits import unit_hash
from radscribe.training.engine.processes import rank_and_count


def epoch_seed(seed: int, epoch: int, process: int = 0) -> int:
    """32 bits, unlike those of every other epoch and process."""
    return int(unit_hash(f"epoch {epoch}, process {process}", seed) * 2**32)


class Reseed(Callback):
    """Seeds the global generators at the start of every epoch, and tells the batches which one it is."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        process, _ = rank_and_count()
        seed = epoch_seed(self._seed, trainer.current_epoch, process)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the global generator is the point
        torch.manual_seed(seed)
        trainer.train_dataloader.batch_sampler.set_epoch(trainer.current_epoch)  # type: ignore[union-attr]
