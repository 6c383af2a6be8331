"""The processes of a run on several devices: Lightning starts the command once more for each of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TypeVar

from lightning.pytorch.utilities import rank_zero_only
from torch import distributed

Item = TypeVar("Item")


def is_main() -> bool:
    """Whether this is the process that writes files and speaks."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def rank_and_count() -> tuple[int, int]:
    """This process's place among those that train together, and how many they are."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def gathered(items: Iterable[Item]) -> list[Item]:
    """The items of all processes, in each of them: a figure made of them is that of the whole part."""
    _, count = rank_and_count()
    own = list(items)
    if count == 1:
        return own
    parts: list[list[Item]] = [[] for _ in range(count)]
    distributed.all_gather_object(parts, own)
    return list(chain.from_iterable(parts))
