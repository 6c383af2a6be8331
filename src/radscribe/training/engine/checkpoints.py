"""`best.ckpt` by a validation figure, `last.ckpt` to go on from, and when a run has learned enough.

Lightning's own callbacks do not survive everything: the best figure is lost when a run's folder is moved,
schedules that follow a figure miss a step, and a kill between decision and stop is not remembered.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from radscribe.errors import RadscribeError, UsageError
from radscribe.files import atomic_write
from radscribe.training.config import RunConfig
from radscribe.training.engine.processes import is_main

BEST, LAST = "best.ckpt", "last.ckpt"


class BestAndLast(Checkpoint):
    """Saves after every epoch, whole or not at all, and ends a run that gets no better."""

    def __init__(self, out: Path, config: RunConfig) -> None:
        self._out, self._monitor, self._patience = out, config.monitor, config.patience
        self._sign = 1.0 if config.mode == "max" else -1.0
        self.best, self.best_epoch = -math.inf, 0  # the figure with its sign so that more is better; from 1
        self.broken = False  # the figure was no number
        self._figures: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        names = ("best", "best_epoch", "broken", "_figures")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._figures:  # a run goes on
            self._follow(trainer)
            self._stop(trainer, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if self._monitor not in self._figures:
            known = ", ".join(sorted(self._figures))
            raise UsageError(
                f"no figure '{self._monitor}' to monitor", remedy=f"set monitor to one of {known}"
            )
        value = self._figures[self._monitor]
        self.broken = not math.isfinite(value)
        better = not self.broken and self._sign * value > self.best
        if better:
            self.best, self.best_epoch = self._sign * value, trainer.current_epoch + 1
        part = self._out / f"{LAST}.partial"
        trainer.save_checkpoint(part)
        if is_main():
            if better:
                with part.open("rb") as source, atomic_write(self._out / BEST) as copy:
                    shutil.copyfileobj(source, copy)
            part.replace(self._out / LAST)  # at the end: killed before, the epoch is done again
        self._stop(trainer, trainer.current_epoch + 1)

    def require_best(self) -> None:
        """Raises `RadscribeError` where no epoch has a figure that is a number."""
        if not self.best_epoch:
            raise RadscribeError(
                f"{self._monitor} was never a number: training diverged", remedy="set a lower learning_rate"
            )

    def _stop(self, trainer: L.Trainer, epochs: int) -> None:
        waited = epochs - self.best_epoch
        trainer.should_stop = self.broken or bool(self._patience and waited >= self._patience)

    def _follow(self, trainer: L.Trainer) -> None:
        """The step of schedules that follow a figure: Lightning takes it after the checkpoint is written."""
        for each in trainer.lr_scheduler_configs:
            if each.reduce_on_plateau:
                each.scheduler.step(self._figures[each.monitor])  # type: ignore[arg-type, index]
