"""Paired timing: the sides of a comparison run in turn, so that the machine's other work meets them alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from time import perf_counter
from typing import TypeVar

import numpy as np

from radscribe.bench.result import Spread

Side = TypeVar("Side", bound=Hashable)


def in_turn(sides: Mapping[Side, Callable[[], object]], rounds: int) -> dict[Side, list[float]]:
    """Seconds of each side in each round. One call of each goes before, untimed.

    The order is turned round after every round, so that no side is always the first.
    """
    for run in sides.values():
        run()
    seconds: dict[Side, list[float]] = {side: [] for side in sides}
    order = list(sides)
    for _ in range(rounds):
        for side in order:
            start = perf_counter()
            sides[side]()
            seconds[side].append(perf_counter() - start)
        order.reverse()
    return seconds


def ratio(over: list[float], under: list[float]) -> Spread:
    """`over / under`, of each round by itself."""
    return Spread.of(a / b for a, b in zip(over, under, strict=True))


def exponent(seconds: Mapping[int, list[float]]) -> Spread:
    """The slope of log seconds over log size, of each round by itself: 1 is linear growth."""
    sizes = np.log(list(seconds))
    rounds = zip(*seconds.values(), strict=True)
    return Spread.of(float(np.polyfit(sizes, np.log(times), 1)[0]) for times in rounds)
