"""Progress of long commands, on standard error: a bar on a terminal, otherwise a line every 30 seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

EVERY = 30.0  # seconds between two lines
REDRAW = 0.1  # seconds between two updates of the bar
FEW = 4  # a step with fewer items gets no bar


class Progress:
    """Progress of a long command. Use it as a context manager.

    Training takes an instance as its callback: `start` once, `advance` after each batch, `say` after each
    epoch.

    Parameters
    ----------
    terminal : bool, optional
        Whether to draw a bar (default: if standard error is a terminal).
    every : float
        Seconds between two lines if there is no terminal.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(
        self, terminal: bool | None = None, every: float = EVERY, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._every, self._clock = every, clock
        self._bar: Bar | None = None
        self._step, self._unit, self._note = "", "", ""
        self._total: int | None = None
        self._before = self._done = 0
        self._began = self._shown = clock()

    def start(self, step: str, total: int | None = None, unit: str = "", done: int = 0) -> None:
        """Begin a step; the one before it is finished.

        Parameters
        ----------
        step : str
            Name of the step, such as "captioning".
        total : int, optional
            Number of items, if it is known.
        unit : str
            Kind of item, in the plural, such as "studies".
        done : int
            Items that were done earlier, such as the epochs before ``--resume``.
        """
        self._close()
        self._step, self._unit, self._total, self._note = step, unit, total, ""
        self._before = self._done = done
        self._began = self._shown = self._clock()
        if self._terminal and (total is None or total >= FEW):
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
            self._bar = Progress(*columns, console=Console(stderr=True), transient=False)
            self._bar.add_task(step, total=total, completed=done, figures="")
            self._bar.start()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count items of the current step as done.

        Parameters
        ----------
        count : int
            How many.
        note : str
            A figure to show with them, such as "loss 2.31".
        """
        self._done += count
        self._note = note or self._note
        now = self._clock()
        if self._bar is not None:
            if now - self._shown >= REDRAW or self._done == self._total:
                self._shown = now
                self._bar.update(self._bar.tasks[0].id, completed=self._done, figures=self.figures())
        elif now - self._shown >= self._every:
            self._shown = now
            click.echo(f"{self._step}: {self.figures()}", err=True)

    def tick(self, step: str, total: int | None = None) -> None:
        """Count one item of a step, and start the step if it is not the current one."""
        if step != self._step:
            self.start(step, total)
        self.advance()

    def say(self, line: str) -> None:
        """Print a line that stays, above the bar."""
        if self._bar is not None:
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            click.echo(line, err=True)

    def figures(self) -> str:
        """Percentage, count, speed and time left of the current step, in words."""
        seconds = max(self._clock() - self._began, 1e-9)
        speed = (self._done - self._before) / seconds
        unit = f" {self._unit}" if self._unit else ""
        rate = f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}"
        told = [f"{rate}{unit or ' '}/s" if unit else f"{rate}/s"]
        if self._total:
            told.insert(0, f"{self._done / self._total:.0%} ({self._done:,} of {self._total:,}{unit})")
            if speed:
                left = timedelta(seconds=round(max(self._total - self._done, 0) / speed))
                told.append(f"{left} left")
        else:
            told.insert(0, f"{self._done:,}{unit}")
        return ", ".join([*told, self._note] if self._note else told)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.tasks[0].id, completed=self._done, figures=self.figures())
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()


@contextmanager
def progress(step: str, total: int | None = None, unit: str = "") -> Iterator[Callable[[], None]]:
    """Show the progress of one step; call what this yields after each item.

    Parameters
    ----------
    step : str
        Name of the step, such as "captioning".
    total : int, optional
        Number of items, if it is known.
    unit : str
        Kind of item, in the plural, such as "studies".
    """
    with Progress() as shown:
        shown.start(step, total, unit)
        yield shown.advance
