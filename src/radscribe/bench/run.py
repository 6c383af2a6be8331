"""Which measurements run, and the table or the JSON of what they give."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from radscribe.bench import MEASUREMENTS
from radscribe.bench.machine import UNKNOWN, machine, versions
from radscribe.bench.result import Result, figure
from radscribe.bench.scale import Scale
from radscribe.bench.setting import Setting, prepare
from radscribe.errors import UsageError


def chosen(only: Sequence[str], against: bool) -> list[str]:
    """The measurements to run, in the table's order; `against` only where there is another bundle.

    Raises
    ------
    UsageError : a name that there is not, or `against` without a bundle to compare with.
    """
    if unknown := sorted(set(only) - MEASUREMENTS.keys()):
        raise UsageError(
            f"no measurement '{unknown[0]}'", remedy=f"choose of {', '.join(MEASUREMENTS)}", subject="--only"
        )
    if "against" in only and not against:
        raise UsageError("needs another bundle", remedy="give --against BUNDLE", subject="--only against")
    return [name for name in MEASUREMENTS if (name in only or not only) and (against or name != "against")]


def bench(
    bundle: str | None,
    against: str | None,
    images: Path | None,
    only: Sequence[str],
    as_json: bool,
    say: Callable[[str], object],
    scale: Scale,
) -> None:
    """Measure and `say`: each line when it is known, or one JSON object at the end.

    Raises
    ------
    BundleError, UsageError : as `prepare` and `chosen`.
    """
    names = chosen(only, against is not None)
    with prepare(bundle, against, images, scale) as setting:
        results = (result for name in names for result in MEASUREMENTS[name](setting))
        if as_json:
            say(json.dumps(head(setting) | {"results": [r.to_dict() for r in results]}, ensure_ascii=False))
            return
        for line in lines(head(setting)):
            say(line)
        for result in results:
            say(row(result))


def head(setting: Setting) -> dict[str, Any]:
    """What the figures are of."""
    return {
        "machine": machine(),
        "versions": versions(setting.bundle.spec.id),
        "against": setting.against and setting.against.spec.id,
        "images": setting.describe_images(),
        "threads": setting.threads,
        "rounds": setting.scale.rounds,
    }


def lines(head: dict[str, Any]) -> Iterator[str]:
    """The head for a reader."""
    of, memory = head["machine"], head["machine"]["memory_gib"]
    yield (
        f"{of['processor']} ({of['architecture']}), {of['cores']} of {of['cores_of_machine']} cores, "
        f"{UNKNOWN if memory is None else f'{memory} GiB'}; {' '.join(of['vectors']) or UNKNOWN}"
    )
    yield ", ".join(f"{name} {version}" for name, version in head["versions"].items())
    yield f"{head['images']}; {head['threads']} threads; {head['rounds']} rounds: median (least to greatest)"
    if of["load"] is not None and of["load"] > 0.5:
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
