"""What a run shows: a bar on a terminal, else a line an epoch, on standard error."""

from __future__ import annotations

import sys
from datetime import timedelta
from time import perf_counter
from typing import Any

import click
import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from radscribe.training.engine.history import History
from radscribe.training.engine.pace import Pace
from radscribe.training.engine.processes import is_main

EVERY = 0.25  # seconds between two looks at the loss, which waits for the device


class ShowProgress(Callback):
    """Epoch, loss, words a second and the time left of the whole run."""

    def __init__(self, pace: Pace, history: History) -> None:
        self._pace, self._history = pace, history
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._looked = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if is_main() and sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task("", figures="")
            self._bar.start()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._bar is not None:
            of = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
            self._bar.reset(self._task, total=trainer.num_training_batches, description=of, figures="")

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is None or perf_counter() - self._looked < EVERY:
            return
        self._looked = perf_counter()
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        done = batch_idx + 1
        left = self._left(trainer, done / trainer.num_training_batches)
        figures = f"loss {float(torch.as_tensor(loss)):.3f}  {self._speed()}  {left} left"
        self._bar.update(self._task, completed=done, figures=figures)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not is_main():
            return
        shown = {name: v for name, v in self._history.rows[-1].items() if name.startswith(("loss", "val_"))}
        figures = "  ".join(f"{name} {value:.4g}" for name, value in shown.items())
        line = (
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  {figures}  "
            f"{self._speed()}  {self._left(trainer, 1.0)} left"
        )
        if self._bar is None:
            click.echo(line, err=True)
        else:
            self._bar.console.print(line, highlight=False)

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _speed(self) -> str:
        return f"{self._pace.rate:,.0f} {self._pace.unit}/s"

    def _left(self, trainer: L.Trainer, share: float) -> str:
        """Time left if every epoch takes as long as the last one, of this one `share` is done."""
        rows = self._history.rows
        epoch = rows[-1]["seconds"] if rows else self._pace.seconds / share
        assert trainer.max_epochs is not None
        seconds = round(epoch * (trainer.max_epochs - trainer.current_epoch - share))
        return str(timedelta(seconds=seconds))
