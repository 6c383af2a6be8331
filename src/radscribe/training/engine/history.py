"""The figures of every epoch: `log/metrics.csv`, and TensorBoard's events beside it.

The rows go into the checkpoint too, so that a run that goes on has the log of one that was never killed.
"""

from __future__ import annotations

import csv
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from radscribe.files import atomic_write
from radscribe.training.engine.pace import Pace
from radscribe.training.engine.processes import is_main

LOG = "log"
METRICS = "metrics.csv"
Row = dict[str, float]


class History(Callback):
    """A row an epoch: its number from 1, step, seconds, rate, learning rate, and what the module logged."""

    def __init__(self, out: Path, pace: Pace) -> None:
        self.rows: list[Row] = []
        self._folder, self._pace = out / LOG, pace
        self._events: Any = None

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if is_main():
            from tensorboardX import SummaryWriter

            # What a killed run logged of the epoch that is done again is taken back.
            self._events = SummaryWriter(str(self._folder), purge_step=trainer.current_epoch + 1)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        row: Row = {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "seconds": round(self._pace.seconds, 3),
            f"{self._pace.unit}_per_second": round(self._pace.rate, 1),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
        }
        row |= {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.rows.append(row)
        if is_main():
            write_rows(self.rows, self._folder / METRICS)
            for name, value in row.items():
                self._events.add_scalar(name, value, trainer.current_epoch + 1)
            self._events.flush()

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if self._events is not None:
            self._events.close()


def write_rows(rows: list[Row], path: Path) -> None:
    """A CSV of all rows; whoever reads it meanwhile sees the one before or this one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        table = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
        table.writeheader()
        table.writerows(rows)
        text.flush()
        text.detach()
