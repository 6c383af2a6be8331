"""A run's figures over its epochs, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from radscribe.training.engine.history import Row

CURVES = "curves.png"
LOSSES = ("loss", "val_loss")
COLUMNS = 3


def draw(rows: Sequence[Row], best_epoch: int, path: Path) -> None:
    """A panel of the losses and one of each other validation figure; a line marks the best epoch."""
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
