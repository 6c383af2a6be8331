"""The engine by itself, on a model of one number: what a resumed run remembers, and when a run ends."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

from radscribe.errors import RadscribeError, UsageError
from radscribe.training.config import RunConfig
from radscribe.training.engine import Task, batches, fit, loader
from radscribe.training.engine.batches import TOGETHER, Batches
from radscribe.training.engine.loop import Fitted
from radscribe.training.engine.processes import require_devices

CONFIG = RunConfig(epochs=8, batch_size=4, learning_rate=0.1, weight_decay=0.0)


class Killed(Exception):
    """Stands for `kill -9` where the test need not be another process."""


class Toy(Task):
    """Learns a mean, with noise; its validation figures are given, one an epoch."""

    unit = "numbers"

    def __init__(self, figures: list[float], killed_in: int = -1) -> None:
        super().__init__()
        self.mean = torch.nn.Parameter(torch.zeros(()))
        self.figures, self.killed_in = figures, killed_in
        self.seen: list[list[float]] = []

    def count(self, batch: list[Tensor]) -> int:
        return len(batch[0])

    def begin_epoch(self, optimiser: torch.optim.Optimizer) -> None:
        self.seen.append([])
        if self.epoch == self.killed_in:
            raise Killed

    def training_figures(self, batch: list[Tensor]) -> dict[str, Tensor | float]:
        if self.seen:  # not while the run's time is estimated
            self.seen[-1] += batch[0].flatten().tolist()
        return {"loss": ((batch[0] - self.mean + torch.randn(())) ** 2).mean()}

    def validation_figures(self, batches: Iterable[list[Tensor]]) -> dict[str, float]:
        return {"val_loss": self.figures[self.epoch]}

    def optimisation(self, steps: int) -> tuple[torch.optim.Optimizer, ReduceLROnPlateau]:
        optimiser = torch.optim.SGD(self.parameters(), lr=0.1)
        return optimiser, ReduceLROnPlateau(optimiser, factor=0.5, patience=0)


def loaders(seed: int = 0) -> tuple[DataLoader[Any], DataLoader[Any]]:
    data = TensorDataset(torch.arange(10.0)[:, None])
    return loader(data, CONFIG.batch_size, seed=seed), loader(data, CONFIG.batch_size)


def run(module: Toy, out: Path, config: RunConfig = CONFIG, resume: bool = False) -> Fitted:
    out.mkdir(exist_ok=True)
    return fit(module, *loaders(config.seed), config, out, resume=resume)


def figures_of(fitted: Fitted) -> list[dict[str, float]]:
    times = ("seconds", "numbers_per_second")
    return [{name: value for name, value in row.items() if name not in times} for row in fitted.rows]


@pytest.mark.parametrize("killed_in", [1, 4, 7])
def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path: Path, killed_in: int) -> None:
    figures = [5.0, 4.0, 4.5, 4.6, 3.0, 3.5, 3.4, 3.3]  # some worse than the best: the schedule follows
    whole = Toy(figures)
    expected = run(whole, tmp_path / "whole")
    with pytest.raises(Killed):
        run(Toy(figures, killed_in), tmp_path / "killed")
    moved = (tmp_path / "killed").rename(tmp_path / "moved")
    resumed = Toy(figures)
    fitted = run(resumed, moved, resume=True)
    assert figures_of(fitted) == figures_of(expected)
    assert torch.equal(resumed.mean, whole.mean)
    assert resumed.seen == whole.seen[killed_in:]
    assert len({tuple(epoch) for epoch in whole.seen}) == len(figures)  # each in another order
    assert len({row["learning_rate"] for row in fitted.rows}) > 2
    with (moved / "log" / "metrics.csv").open() as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == list(range(1, 9))


def test_the_best_epoch_is_left_in_the_module(tmp_path: Path) -> None:
    module = Toy([3.0, 1.0, 2.0])
    fitted = run(module, tmp_path, RunConfig(epochs=3, batch_size=4))
    assert fitted.best_epoch == 2
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert (best["epoch"], last["epoch"]) == (1, 2)
    assert torch.equal(module.mean.detach(), best["state_dict"]["mean"])
    assert not torch.equal(best["state_dict"]["mean"], last["state_dict"]["mean"])
    highest = run(Toy([3.0, 1.0, 4.0]), tmp_path / "max", RunConfig(epochs=3, batch_size=4, mode="max"))
    assert highest.best_epoch == 3


def test_a_run_ends_when_it_gets_no_better_and_stays_ended(tmp_path: Path) -> None:
    config = RunConfig(epochs=8, batch_size=4, patience=2)
    figures = [3.0, 2.0, 2.5, 2.4, 0.1, 0.1, 0.1, 0.1]
    fitted = run(Toy(figures), tmp_path, config)
    assert (len(fitted.rows), fitted.best_epoch) == (4, 2)
    again = Toy(figures)
    assert run(again, tmp_path, config, resume=True).best_epoch == 2
    assert again.seen == []


def test_a_figure_that_is_no_number_ends_a_run(tmp_path: Path) -> None:
    fitted = run(Toy([3.0, math.nan, 1.0]), tmp_path / "late", RunConfig(epochs=3, batch_size=4))
    assert (len(fitted.rows), fitted.best_epoch) == (2, 1)
    with pytest.raises(RadscribeError, match="never a number"):
        run(Toy([math.nan]), tmp_path / "never", RunConfig(epochs=3, batch_size=4))
    with pytest.raises(UsageError, match="monitor to one of loss, val_loss"):
        run(Toy([1.0]), tmp_path / "no", RunConfig(epochs=1, batch_size=4, monitor="val_cider"))


def test_gradients_of_several_batches_make_one_step(tmp_path: Path) -> None:
    one = run(Toy([1.0]), tmp_path / "one", RunConfig(epochs=1, batch_size=4))
    two = run(Toy([1.0]), tmp_path / "two", RunConfig(epochs=1, batch_size=4, accumulate=3))
    assert (one.rows[0]["step"], two.rows[0]["step"]) == (3, 1)


def test_a_gradient_is_clipped(tmp_path: Path) -> None:
    """SGD at a rate of .1: 3 steps of a norm of at most .01 move the one weight by at most .003."""
    module = Toy([1.0])
    run(module, tmp_path, RunConfig(epochs=1, batch_size=4, clip=0.01))
    assert 0 < abs(float(module.mean.detach())) <= 0.003 + 1e-6


@pytest.mark.parametrize("size", [7, 8, 9, 10, 13])
@pytest.mark.parametrize("weighted", [False, True])
def test_processes_share_the_batches_of_one(
    size: int, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = torch.arange(1.0, size + 1) if weighted else None

    def shares(count: int) -> list[list[list[int]]]:
        parts = []
        for process in range(count):
            monkeypatch.setattr(batches, "rank_and_count", lambda p=process: (p, count))
            part = Batches(size, 4, seed=1, weights=weights)
            part.set_epoch(3)
            parts.append(list(part))
            assert len(part) == len(parts[-1])
        return parts

    (alone,), two = shares(1), shares(2)
    assert len(two[0]) == len(two[1])  # else one waits for the other for ever
    assert min(len(share) for part in two for share in part) >= 2  # a batch of one cannot be normalised
    together = [sorted(a + b) for a, b in zip(*two, strict=True)]
    assert sorted(chain(*together)) == sorted(chain(*alone))
    if len(together) == len(alone):  # else the last one was too small to be shared
        assert together == [sorted(batch) for batch in alone]
    if not weighted:
        assert sorted(chain(*together)) == list(range(size))


def test_every_epoch_has_its_own_order_and_validation_none() -> None:
    shuffled, plain = Batches(10, 4, seed=0), Batches(10, 4)
    first = list(shuffled)
    assert list(shuffled) == first
    shuffled.set_epoch(1)
    assert list(shuffled) != first
    assert list(plain) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert list(Batches(10, 4, drop_last=True)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [len(batch) for batch in Batches(9, 4, seed=0)] == [4, 5]
    assert [len(batch) for batch in Batches(9, 4)] == [4, 4, 1]
    assert list(Batches(3, 4, drop_last=True)) == [[0, 1, 2]]


def test_studies_of_a_few_files_at_a_time_are_shuffled() -> None:
    files = [place // 10 for place in range(200)]  # 20 files of 10 studies
    order = Batches(200, 10, seed=0, blocks=files)
    epochs = []
    for epoch in (0, 1):
        order.set_epoch(epoch)
        epochs.append([place for batch in order for place in batch])
        assert sorted(epochs[-1]) == list(range(200))
        for start in range(0, 200, 10 * TOGETHER):
            opened = {files[place] for place in epochs[-1][start : start + 10 * TOGETHER]}
            assert len(opened) == min(TOGETHER, (200 - start) // 10)
    assert epochs[0] != epochs[1]
    repeated = Batches(200, 10, seed=0, blocks=files)
    repeated.set_epoch(1)
    assert [place for batch in repeated for place in batch] == epochs[1]


def test_what_the_devices_cannot_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UsageError, match="fp16 needs a GPU"):
        require_devices(RunConfig(precision="fp16"))
    with pytest.raises(UsageError, match=r"batch_size=3 is too small for devices=2; .* set batch_size=4"):
        require_devices(RunConfig(batch_size=3, devices=2))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UsageError, match="but there are 1 GPUs; set devices=1"):
        require_devices(RunConfig(devices=2))
