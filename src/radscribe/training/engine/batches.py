"""Which studies make which batch: the same batches whatever the number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from radscribe.training.engine.processes import rank_and_count
from radscribe.training.engine.randomness import epoch_seed


class Batches(Sampler[list[int]]):
    """Indices of the batches of an epoch; each process has its share of every batch.

    A batch smaller than the number of processes goes with the one before it: all of them take as many steps.

    Parameters
    ----------
    size : how many studies there are.
    seed : of the order, with the epoch; None keeps the studies' own order.
    weights : how often each is drawn, `[size]`, with replacement; None draws each once.
    drop_last : without the last batch where it is smaller than the others.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int | None = None,
        weights: Tensor | None = None,
        drop_last: bool = False,
    ) -> None:
        self._size, self._batch_size, self._seed = size, batch_size, seed
        self._weights, self._drop_last = weights, drop_last
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch whose order comes next."""
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
        if self._weights is None:
            return torch.randperm(self._size, generator=generator)
        return torch.multinomial(self._weights, self._size, replacement=True, generator=generator)

    def _cut(self, order: Tensor) -> list[Tensor]:
        batches = list(torch.split(order, self._batch_size))
        last = len(batches[-1]) if batches else 0
        if len(batches) > 1 and last < self._batch_size and self._drop_last:
            del batches[-1]
        elif len(batches) > 1 and last < rank_and_count()[1]:
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
) -> DataLoader[Any]:
    """Batches of a dataset: shuffled by `seed` for training, in order without one for validation.

    Parameters
    ----------
    workers : processes that make the batches; 0 makes them in this one.
    """
    size = len(data)  # type: ignore[arg-type]
    batches = Batches(size, batch_size, seed, weights, drop_last)
    # A loader draws a seed when it starts: not from the generator that training draws from.
    return DataLoader(
        data, batch_sampler=batches, collate_fn=collate, num_workers=workers, generator=torch.Generator()
    )
