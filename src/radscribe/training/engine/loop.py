"""The training loop: epochs, checkpoints, the best weights, and resumption.

The draws of an epoch are a function of the seed, the epoch and the process, so a checkpoint does not hold
the states of generators. A run that is killed at any moment and resumed has the same weights, bit for bit on
a CPU.
"""

from __future__ import annotations

import math
import random
import resource
import shutil
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.utils.data import DataLoader

from radscribe.errors import RadscribeError, UsageError
from radscribe.files import atomic_write
from radscribe.training.config import RunConfig
from radscribe.training.engine.batches import Batches, epoch_seed
from radscribe.training.engine.figures import Figures, Row
from radscribe.training.engine.processes import (
    DTYPES,
    device,
    gathered,
    is_main,
    leave,
    rank_and_count,
    share_buffers,
    share_gradients,
    to_device,
)
from radscribe.training.tensor_files import save_tensors

BEST, LAST = "best.ckpt", "last.ckpt"
LOOK = 0.25  # seconds between two looks at the loss, which waits for the device


class Task(nn.Module):
    """A model in training, and how to train it.

    Attributes
    ----------
    unit : str
        What batches are counted in, such as "words".
    epoch : int
        The current epoch, from 0.
    average_decay : float
        Decay of the moving average of the weights; 0 does not average.
    monitor : str
        Figure that a `ReduceLROnPlateau` follows.
    """

    unit = "batches"
    average_decay = 0.0
    monitor = "val_loss"
    epoch = 0

    def count(self, batch: Any) -> Tensor | int:
        """Return how many units a batch holds."""
        return 1

    def begin_epoch(self, optimiser: torch.optim.Optimizer) -> None:
        """Prepare for an epoch."""

    @abstractmethod
    def optimisation(self, steps: int) -> tuple[torch.optim.Optimizer, LRScheduler | None]:
        """Return the optimiser and its schedule for a run of `steps` steps."""

    @abstractmethod
    def training_figures(self, batch: Any) -> dict[str, Tensor | float]:
        """Return the figures of a batch; `loss` is minimised."""

    @abstractmethod
    def validation_figures(self, batches: Iterable[Any]) -> dict[str, float]:
        """Return the figures of the validation part, equal in every process."""

    def warnings(self, figures: Mapping[str, float]) -> list[str]:
        """Return what the figures of an epoch say against the run, in sentences."""
        return []


class Reporter(Protocol):
    """Shows how far a run is; `radscribe.cli.progress.Progress` is one."""

    def start(self, step: str, total: int | None = None, unit: str = "", done: int = 0) -> None: ...
    def advance(self, count: int = 1, note: str = "") -> None: ...
    def say(self, line: str) -> None: ...


class Quiet:
    """Says what stays and draws nothing."""

    def start(self, step: str, total: int | None = None, unit: str = "", done: int = 0) -> None:
        """Do nothing."""

    def advance(self, count: int = 1, note: str = "") -> None:
        """Do nothing."""

    def say(self, line: str) -> None:
        """Print a line."""
        click.echo(line, err=True)


class Fitted(NamedTuple):
    """The result of a run."""

    rows: list[Row]  # figures of every epoch
    best_epoch: int  # from 1
    warnings: list[str]  # of the best epoch


def fit(
    task: Task,
    training: DataLoader[Any],
    validation: DataLoader[Any],
    config: RunConfig,
    out: Path,
    *,
    resume: bool = False,
    reporter: Reporter | None = None,
) -> Fitted:
    """Train, and leave the weights of the best epoch by `config.monitor` in the task.

    `out` gets `best.ckpt`, `last.ckpt` and `log/`. On several devices the other processes end here and only
    the main process returns.

    Parameters
    ----------
    training, validation : DataLoader
        Made by `engine.loader`.

    Raises
    ------
    UsageError
        If no figure is called `config.monitor`.
    RadscribeError
        If the figure was never a number.
    """
    run = _Run(task, training, config, out, reporter or Quiet())
    if resume and (out / LAST).exists():
        run.load(out / LAST)
    with run.figures.open(len(run.rows)):
        run.estimate()
        run.reporter.start(
            "training", config.epochs * len(training), "batches", len(run.rows) * len(training)
        )
        while not run.ended:
            run.train_epoch()
            run.close_epoch(run.validate(validation))
    if not is_main():
        leave()
    if not run.best_epoch:
        raise RadscribeError(
            f"{config.monitor} was never a number: training diverged", remedy="set a lower learning_rate"
        )
    task.load_state_dict(torch.load(out / BEST, map_location="cpu", weights_only=True)["state_dict"])
    task.cpu()
    return Fitted(run.rows, run.best_epoch, task.warnings(run.rows[run.best_epoch - 1]))


class _Run:
    """The state of a run between two epochs, and what an epoch does to it."""

    def __init__(
        self, task: Task, training: DataLoader[Any], config: RunConfig, out: Path, reporter: Reporter
    ) -> None:
        self.task, self.training, self.config, self.out = task, training, config, out
        self.reporter = reporter if is_main() else _Silent()
        self.figures = Figures(out)
        batches = training.batch_sampler
        assert isinstance(batches, Batches)
        self.batches = batches
        self.device = device()
        task.to(self.device)
        self.steps_per_epoch = math.ceil(len(training) / config.accumulate)
        self.optimiser, self.schedule = task.optimisation(config.epochs * self.steps_per_epoch)
        self.scaler = torch.amp.GradScaler(enabled=config.precision == "fp16")
        self.average: dict[str, Tensor] | None = None
        self.rows: list[Row] = []
        self.best, self.best_epoch, self.step = -math.inf, 0, 0
        self.broken = False
        self.told: list[str] = []
        self.began = self.rate = 0.0

    @property
    def ended(self) -> bool:
        done, patience = len(self.rows), self.config.patience
        waited = bool(patience and done - self.best_epoch >= patience)
        return self.broken or waited or done >= self.config.epochs

    def train_epoch(self) -> None:
        """One pass over the training part."""
        task, config, epoch = self.task, self.config, len(self.rows)
        _seed(epoch_seed(config.seed, epoch, rank_and_count()[0]))
        task.epoch = epoch
        for part in (self.batches, self.training.dataset):
            if hasattr(part, "set_epoch"):
                part.set_epoch(epoch)
        task.train()
        task.begin_epoch(self.optimiser)
        sums: defaultdict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=self.device))
        self.began = last = looked = perf_counter()
        studies: Tensor | int = 0
        units: Tensor | int = 0
        for place, raw in enumerate(self.training, start=1):
            batch = to_device(raw, self.device)
            figures = self._loss(batch)
            loss = torch.as_tensor(figures["loss"])
            self.scaler.scale(loss / config.accumulate).backward()  # type: ignore[no-untyped-call]
            if place % config.accumulate == 0 or place == len(self.training):
                self._step()
            size = _size(batch)
            studies = studies + size
            for name, value in figures.items():
                sums[name] += size * torch.as_tensor(value).detach()
            units = units + task.count(batch)
            last = perf_counter()
            note = ""
            if last - looked > LOOK:
                looked, note = last, f"epoch {epoch + 1}/{config.epochs}, loss {float(loss.detach()):.3f}"
            self.reporter.advance(1, note)
        share_buffers(task)
        self.rate = float(units) * rank_and_count()[1] / max(last - self.began, 1e-9)
        totals = gathered([({name: float(value) for name, value in sums.items()}, float(studies))])
        count = sum(part for _, part in totals)
        self.means = {name: sum(part[name] for part, _ in totals) / count for name in sums}

    @torch.no_grad()
    def validate(self, validation: DataLoader[Any]) -> dict[str, float]:
        """Figures of the validation part, by averaged weights if there are any."""
        self.task.eval()
        with self._averaged(), self._autocast():
            return self.task.validation_figures(to_device(batch, self.device) for batch in validation)

    def close_epoch(self, validated: Mapping[str, float]) -> None:
        """Record an epoch, and save it whole or not at all."""
        config, epoch = self.config, len(self.rows) + 1
        figures = {**self.means, **{name: float(value) for name, value in validated.items()}}
        if config.monitor not in figures:
            known = ", ".join(sorted(figures))
            raise UsageError(
                f"no figure is called '{config.monitor}'", remedy=f"set monitor to one of {known}"
            )
        seconds = perf_counter() - self.began
        row: Row = {
            "epoch": epoch,
            "step": self.step,
            "seconds": round(seconds, 3),
            f"{self.task.unit}_per_second": round(self.rate, 1),
            "learning_rate": float(self.optimiser.param_groups[0]["lr"]),
            **figures,
        }
        self.rows.append(row)
        value = figures[config.monitor] * (1.0 if config.mode == "max" else -1.0)
        self.broken = not math.isfinite(value)
        better = not self.broken and value > self.best
        if better:
            self.best, self.best_epoch = value, epoch
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(figures[self.task.monitor])
        if is_main():
            self.figures.write(self.rows)
            self._save(better)
        shown = "  ".join(f"{k} {v:.4g}" for k, v in row.items() if k.startswith(("loss", "val_")))
        left = timedelta(seconds=round(seconds * (config.epochs - epoch)))
        speed = f"{self.rate:,.0f} {self.task.unit}/s"
        self.reporter.say(f"epoch {epoch}/{config.epochs}  {shown}  {speed}  {left} left")
        warnings = self.task.warnings(figures)
        if warnings and not self.told:
            self.reporter.say(f"warning: epoch {epoch}: {'; '.join(warnings)}")
        self.told = warnings

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        saved = torch.load(path, map_location=self.device, weights_only=True)
        self.task.load_state_dict(saved["training_state"] or saved["state_dict"])
        if saved["training_state"]:
            self.average = saved["state_dict"]
        self.optimiser.load_state_dict(saved["optimiser"])
        if self.schedule is not None and saved["schedule"]:
            self.schedule.load_state_dict(saved["schedule"])
        self.scaler.load_state_dict(saved["scaler"])
        self.rows, self.step = saved["rows"], saved["step"]
        self.best, self.best_epoch, self.broken = saved["best"], saved["best_epoch"], saved["broken"]

    def estimate(self) -> None:
        """Say what the run will take, by two batches that change nothing."""
        if rank_and_count()[1] > 1 or self.ended:
            return
        state = {name: value.clone() for name, value in self.task.state_dict().items()}
        self.task.train()
        seconds = 0.0
        for indices in islice(self.batches, 2):  # the first one also allocates
            began = perf_counter()
            items = [self.training.dataset[index] for index in indices]
            read = perf_counter() - began
            batch = to_device(self.training.collate_fn(items), self.device)
            torch.as_tensor(self._loss(batch)["loss"]).backward()  # type: ignore[no-untyped-call]
            float(next(p.grad.sum() for p in self.task.parameters() if p.grad is not None))
            computed = perf_counter() - began - read
            seconds = (
                max(computed, read / self.training.num_workers)
                if self.training.num_workers
                else computed + read
            )
        self.optimiser.zero_grad()
        self.task.load_state_dict(state)
        epoch = seconds * len(self.training)
        left = self.config.epochs - len(self.rows)
        numbers = sum(p.numel() for p in self.task.parameters())
        moments = 2 * 4 * numbers / 1e6  # of AdamW, float32, which the first step allocates
        self.reporter.say(
            f"estimate: {len(self.training):,} batches and about {_time(epoch)} per epoch, at most "
            f"{_time(epoch * left)} for {left} epochs; {numbers / 1e6:.1f} million weights, about "
            f"{_memory_mb() + moments:,.0f} MB of memory"
        )

    def _loss(self, batch: Any) -> dict[str, Tensor | float]:
        with self._autocast():
            return self.task.training_figures(batch)

    def _autocast(self) -> Any:
        dtype = DTYPES.get(self.config.precision)
        return torch.autocast(self.device.type, dtype or torch.float32, enabled=dtype is not None)

    def _step(self) -> None:
        task, clip = self.task, self.config.clip
        self.scaler.unscale_(self.optimiser)
        share_gradients(task)
        if clip:
            nn.utils.clip_grad_norm_(task.parameters(), clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad()
        self.step += 1
        if self.schedule is not None and not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()
        if task.average_decay:
            self._follow(task.average_decay)

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        """Let the average follow the weights; the first step sets it."""
        state = self.task.state_dict()
        if self.average is None:
            self.average = {name: value.clone() for name, value in state.items()}
            return
        for name, value in state.items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Lend the task its averaged weights."""
        if self.average is None:
            yield
            return
        own = {name: value.clone() for name, value in self.task.state_dict().items()}
        self.task.load_state_dict(self.average)
        try:
            yield
        finally:
            self.task.load_state_dict(own)

    def _save(self, better: bool) -> None:
        state = self.task.state_dict()
        checkpoint = {
            "epoch": len(self.rows) - 1,
            "state_dict": self.average or state,  # what the run is worth so far
            "training_state": state if self.average else None,
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule is not None else None,
            "scaler": self.scaler.state_dict(),
            "rows": self.rows,
            "step": self.step,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "broken": self.broken,
        }
        part = self.out / f"{LAST}.partial"
        save_tensors(checkpoint, part)
        if better:
            with part.open("rb") as source, atomic_write(self.out / BEST) as copy:
                shutil.copyfileobj(source, copy)
        part.replace(self.out / LAST)  # at the end: a run killed before does the epoch again


class _Silent(Quiet):
    def say(self, line: str) -> None:
        """Do nothing."""


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global generator is the point
    torch.manual_seed(seed)


def _size(batch: Any) -> int:
    """Studies of a batch: the rows of its first tensor."""
    if isinstance(batch, Tensor):
        return len(batch)
    return (
        next((size for part in batch if (size := _size(part)) > 0), 0)
        if isinstance(batch, list | tuple)
        else 0
    )


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB


def _time(seconds: float) -> str:
    return str(timedelta(seconds=max(round(seconds), 1)))
