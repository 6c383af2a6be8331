"""The table for a reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from radscribe.bench.machine import UNKNOWN
from radscribe.bench.result import Result, figure

BUSY = 0.5  # load from which on the machine was not idle


def lines(head: dict[str, Any]) -> Iterator[str]:
    """The head for a reader."""
    of, memory = head["machine"], head["machine"]["memory_gib"]
    yield (
        f"{of['processor']} ({of['architecture']}), {of['cores']} of {of['cores_of_machine']} cores, "
        f"{UNKNOWN if memory is None else f'{memory} GiB'}; {' '.join(of['vectors']) or UNKNOWN}"
    )
    yield ", ".join(f"{name} {version}" for name, version in head["versions"].items())
    yield f"{head['images']}; {head['threads']} threads; {head['rounds']} rounds: median (least to greatest)"
    if of["load"] is not None and of["load"] > BUSY:
        yield f"! the machine was not idle when this began: a load of {of['load']} on {of['cores']} cores"
    yield ""


def row(result: Result) -> str:
    """A result for a reader."""
    spread, verdict = result.spread, {None: "", True: "met", False: "MISSED"}[result.met]
    value = UNKNOWN if spread is None else f"{figure(spread.median)} {result.unit}"
    between = (
        ""
        if spread is None or spread.low == spread.high
        else f"({figure(spread.low)} to {figure(spread.high)})"
    )
    goal = f"goal {result.goal}: {verdict}" if result.goal else ""
    return f"{result.name:20} {value:15} {between:18} {goal:20} {result.meaning}"
