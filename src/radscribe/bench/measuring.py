"""Paired timing, and the figures that come of it: median, range, goal, one line of the table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

TIMES = "×"  # the unit of a ratio
UNKNOWN = "unknown"

Side = TypeVar("Side", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, minimum and maximum of repeated figures."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Spread:
        values = sorted(figures)
        return cls(statistics.median(values), values[0], values[-1])


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a figure should keep: a minimum if `at_least`, otherwise a maximum."""

    bound: float
    at_least: bool

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table.

    Parameters
    ----------
    name : str
        Name of the measurement, then a full stop and the name of the figure.
    meaning : str
        The two sides of the comparison.
    spread : Spread, optional
        The figures. None if this system does not report them.
    unit : str
        Unit of the figures.
    goal : Goal, optional
        Bound for the median.
    """

    name: str
    meaning: str
    spread: Spread | None
    unit: str = TIMES
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        """Whether the median meets the goal. None without a goal or a figure."""
        return None if self.goal is None or self.spread is None else self.goal.met(self.spread.median)

    def to_dict(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        spread = self.spread
        return {
            "name": self.name,
            "meaning": self.meaning,
            "value": spread and spread.median,
            "low": spread and spread.low,
            "high": spread and spread.high,
            "unit": self.unit,
            "goal": self.goal and str(self.goal),
            "met": self.met,
        }

    def row(self) -> str:
        """The line of the table: name, median, range, goal, meaning."""
        spread, verdict = self.spread, {None: "", True: "met", False: "MISSED"}[self.met]
        value = UNKNOWN if spread is None else f"{figure(spread.median)} {self.unit}"
        between = (
            ""
            if spread is None or spread.low == spread.high
            else f"({figure(spread.low)} to {figure(spread.high)})"
        )
        goal = f"goal {self.goal}: {verdict}" if self.goal else ""
        return f"{self.name:20} {value:15} {between:18} {goal:20} {self.meaning}"


def figure(value: float) -> str:
    """Format a number with three significant digits and no exponent."""
    return f"{float(f'{value:.3g}'):,g}"


def in_turn(sides: Mapping[Side, Callable[[], object]], rounds: int) -> dict[Side, list[float]]:
    """Time the sides of a comparison in turn, so that other load on the machine affects all of them alike.

    Each side is called once before, untimed. The order is reversed after every round, so that no side is
    always first.

    Returns
    -------
    dict
        Side → seconds of each round.
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
    """Divide `over` by `under` within each round."""
    return Spread.of(a / b for a, b in zip(over, under, strict=True))


def exponent(seconds: Mapping[int, list[float]]) -> Spread:
    """Fit the slope of log seconds over log size within each round. A slope of 1 is linear growth."""
    sizes = np.log(list(seconds))
    rounds = zip(*seconds.values(), strict=True)
    return Spread.of(float(np.polyfit(sizes, np.log(times), 1)[0]) for times in rounds)
