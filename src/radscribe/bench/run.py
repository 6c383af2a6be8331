"""Which measurements run, on what, and who is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from radscribe.bench import MEASUREMENTS
from radscribe.bench.machine import machine, versions
from radscribe.bench.scale import Scale
from radscribe.bench.setting import Setting, prepare
from radscribe.bench.table import lines, row
from radscribe.errors import UsageError


def chosen(only: Sequence[str], against: bool) -> list[str]:
    """The measurements to run, in the table's order; `against` only where there is another bundle.

    Raises
    ------
    UsageError
        A name that there is not, or `against` without a bundle to compare with.
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
    BundleError, UsageError
        As `prepare` and `chosen`.
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
