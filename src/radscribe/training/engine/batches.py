"""Batches of studies, the same for any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from radscribe.data.splits import unit_hash
from radscribe.training.engine.processes import LEAST, rank_and_count

TOGETHER = 8  # files among which studies are shuffled, where several studies are in one file


def epoch_seed(seed: int, epoch: int, process: int = 0) -> int:
    """Return a seed of 32 bits that no other epoch or process has."""
    return int(unit_hash(f"epoch {epoch}, process {process}", seed) * 2**32)


class Batches(Sampler[list[int]]):
    """Indices of the batches of an epoch; each process has its share of every batch.

    All processes take the same number of steps: a last batch with less than one study per process (two in
    training, for normalisation) is joined to the one before it.

    Parameters
    ----------
    size : int
        Number of studies.
    seed : int, optional
        Seed of the order, together with the epoch. None keeps the studies' own order.
    weights : Tensor, optional
        Weight by which each study is drawn, with replacement, `[size]`. None draws each study once.
    drop_last : bool
        Leave out the last batch if it is smaller than the others.
    blocks : sequence of int, optional
        Number of the file that each study is stored in, `[size]`. If it is given, studies are shuffled among
        `TOGETHER` files at a time, so that reading stays within these files.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int | None = None,
        weights: Tensor | None = None,
        drop_last: bool = False,
        blocks: Sequence[int] | None = None,
    ) -> None:
        self._blocks = None if blocks is None else torch.tensor(blocks)
        self._size, self._batch_size, self._seed = size, batch_size, seed
        self._weights, self._drop_last = weights, drop_last
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch whose order comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._cut(torch.arange(self._size)))

    def __iter__(self) -> Iterator[list[int]]:
        process, count = rank_and_count()
        for batch in self._cut(self._order()):
            yield batch[process::count].tolist()

    def _order(self) -> Tensor:
        if self._seed is None:
            return torch.arange(self._size)
        generator = torch.Generator().manual_seed(epoch_seed(self._seed, self._epoch))
        if self._weights is None and self._blocks is not None:
            return self._by_blocks(self._blocks, generator)
        if self._weights is None:
            return torch.randperm(self._size, generator=generator)
        return torch.multinomial(self._weights, self._size, replacement=True, generator=generator)

    def _by_blocks(self, blocks: Tensor, generator: torch.Generator) -> Tensor:
        """The blocks in a drawn order, and the studies of some blocks at a time in a drawn order."""
        names = torch.unique(blocks)
        names = names[torch.randperm(len(names), generator=generator)]
        parts: list[Tensor] = []
        for some in torch.split(names, TOGETHER):
            members = torch.isin(blocks, some).nonzero().flatten()
            parts.append(members[torch.randperm(len(members), generator=generator)])
        return torch.cat(parts)

    def _cut(self, order: Tensor) -> list[Tensor]:
        batches = list(torch.split(order, self._batch_size))
        last = len(batches[-1]) if batches else 0
        if len(batches) > 1 and last < self._batch_size and self._drop_last:
            del batches[-1]
        elif len(batches) > 1 and last < rank_and_count()[1] * (1 if self._seed is None else LEAST):
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches


def loader(
    data: Dataset[Any],
    batch_size: int,
    *,
    seed: int | None = None,
    weights: Tensor | None = None,
    drop_last: bool = False,
    collate: Callable[[Sequence[Any]], Any] | None = None,
    workers: int = 0,
    blocks: Sequence[int] | None = None,
) -> DataLoader[Any]:
    """Return the batches of a dataset: shuffled if there is a seed, otherwise in order.

    Parameters
    ----------
    workers : int
        Processes that make the batches; 0 makes them in this process.
    blocks : sequence of int, optional
        See `Batches`.
    """
    size = len(data)  # type: ignore[arg-type]
    batches = Batches(size, batch_size, seed, weights, drop_last, blocks)
    # A loader draws a seed when it starts: not from the generator that training draws from.
    return DataLoader(
        data, batch_sampler=batches, collate_fn=collate, num_workers=workers, generator=torch.Generator()
    )
