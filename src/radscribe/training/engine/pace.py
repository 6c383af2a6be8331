"""How fast a run goes: words (or images) a second of training, and seconds an epoch."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Protocol, runtime_checkable

import lightning as L
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from radscribe.training.engine.processes import rank_and_count


@runtime_checkable
class Countable(Protocol):
    """A module that says what its batches are counted in."""

    unit: str  # "words", "images"

    def count(self, batch: Any) -> Tensor | int:
        """How many of them a batch holds; a tensor is not waited for."""


class Pace(Callback):
    """Counts and times the epoch that goes on; what comes after its last batch does not enter the rate."""

    def __init__(self) -> None:
        self.unit = "batches"
        self._start = self._last = 0.0
        self._count: Tensor | int = 0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.unit = pl_module.unit if isinstance(pl_module, Countable) else "batches"
        self._start, self._count = perf_counter(), 0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._count = self._count + (pl_module.count(batch) if isinstance(pl_module, Countable) else 1)
        self._last = perf_counter()

    @property
    def seconds(self) -> float:
        """Since the epoch began."""
        return perf_counter() - self._start

    @property
    def rate(self) -> float:
        """Units a second of this epoch's training, over all processes (this one's, times their number)."""
        return float(self._count) * rank_and_count()[1] / max(self._last - self._start, 1e-9)
