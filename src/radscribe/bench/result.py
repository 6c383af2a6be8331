"""What a measurement gives: one figure, its range, and the goal if there is one."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

TIMES = "×"  # a ratio


def figure(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{float(f'{value:.3g}'):,g}"


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of repeated figures, and the least and the greatest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Spread:
        values = sorted(figures)
        return cls(statistics.median(values), values[0], values[-1])


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a figure shall keep."""

    bound: float
    at_least: bool  # else at most

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
        Name of the measurement and, after a full stop, of the figure.
    meaning : str
        What was compared with what.
    spread : Spread, optional
        None where this system does not tell.
    """

    name: str
    meaning: str
    spread: Spread | None
    unit: str = TIMES
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the goal; None where there is no goal or no figure."""
        return None if self.goal is None or self.spread is None else self.goal.met(self.spread.median)

    def to_dict(self) -> dict[str, Any]:
        """The object of `--json`."""
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
