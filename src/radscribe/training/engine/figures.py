"""The figures of every epoch: `log/metrics.csv`, TensorBoard's events, and curves.

The rows are in the checkpoint too, so a resumed run has the log of one that was never interrupted.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from math import ceil
from pathlib import Path
from typing import Any

from radscribe.files import atomic_write
from radscribe.training.engine.processes import is_main

LOG, METRICS, CURVES = "log", "metrics.csv", "curves.png"
LOSSES = ("loss", "val_loss")
COLUMNS = 3
Row = dict[str, float]


class Figures:
    """Writes a row per epoch: its number from 1, step, seconds, speed, learning rate and figures."""

    def __init__(self, out: Path) -> None:
        self._folder = out / LOG
        self._events: Any = None

    @contextmanager
    def open(self, epochs: int) -> Iterator[None]:
        """Open the log behind the epochs that are done."""
        if not is_main():
            yield
            return
        from tensorboardX import SummaryWriter

        # Events of an epoch that was interrupted are taken back.
        self._events = SummaryWriter(str(self._folder), purge_step=epochs + 1)
        try:
            yield
        finally:
            self._events.close()

    def write(self, rows: Sequence[Row]) -> None:
        """Write all rows to the CSV, whole or not at all, and the last one to TensorBoard."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(self._folder / METRICS) as file:
            text = TextIOWrapper(file, encoding="utf-8", newline="")
            table = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
            table.writeheader()
            table.writerows(rows)
            text.flush()
            text.detach()
        for name, value in rows[-1].items():
            self._events.add_scalar(name, value, int(rows[-1]["epoch"]))
        self._events.flush()


def draw(rows: Sequence[Row], best_epoch: int, path: Path) -> None:
    """Draw the losses and each validation figure over the epochs; a line marks the best epoch."""
    from matplotlib.figure import Figure  # here: they cost a second
    from matplotlib.ticker import MaxNLocator

    names = list(dict.fromkeys(name for row in rows for name in row))
    panels = [
        [name for name in LOSSES if name in names],
        *([name] for name in names if name.startswith("val_") and name not in LOSSES),
    ]
    across = min(COLUMNS, len(panels))
    down = ceil(len(panels) / across)
    figure = Figure(figsize=(4.2 * across, 3.0 * down), layout="constrained")
    for place, panel in enumerate(panels, 1):
        axes = figure.add_subplot(down, across, place)
        for name in panel:
            points = [(row["epoch"], row[name]) for row in rows if name in row]
            axes.plot(*zip(*points, strict=True), marker="." if len(points) < 30 else "", label=name)
        axes.axvline(best_epoch, color="grey", linestyle=":", linewidth=1)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", frameon=False)
    figure.savefig(path, dpi=110)
