"""Select measurements, run them, and print the table or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from radscribe.bench.cold_start import cold_start
from radscribe.bench.end_to_end import against as against_bundle
from radscribe.bench.end_to_end import end_to_end
from radscribe.bench.measuring import Result
from radscribe.bench.setting import Scale, Setting, header_lines, prepare
from radscribe.errors import UsageError

# In the order of the table.
MEASUREMENTS: dict[str, Callable[[Setting], Iterator[Result]]] = {
    "end-to-end": end_to_end,
    "against": against_bundle,
    "cold-start": cold_start,
}


def chosen(only: Sequence[str], against: bool) -> list[str]:
    """List the measurements to run, in the order of the table.

    Parameters
    ----------
    only : sequence of str
        Names. Empty: all.
    against : bool
        Whether there is another bundle; without one, the measurement `against` is left out.

    Raises
    ------
    UsageError
        A name is unknown, or `against` is asked for without another bundle.
    """
    if unknown := sorted(set(only) - MEASUREMENTS.keys()):
        raise UsageError(
            f"no measurement '{unknown[0]}'",
            remedy=f"choose from {', '.join(MEASUREMENTS)}",
            subject="--only",
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
    echo: Callable[[str], object],
    scale: Scale,
) -> None:
    """Run `radscribe bench`.

    Raises
    ------
    BundleError, UsageError
        See `prepare` and `chosen`.
    """
    names = chosen(only, against is not None)
    with prepare(bundle, against, images, scale) as setting:
        results = (result for name in names for result in MEASUREMENTS[name](setting))
        print_results(setting, results, as_json, echo)


def print_results(
    setting: Setting, results: Iterator[Result], as_json: bool, echo: Callable[[str], object]
) -> None:
    """Print the header, then each line as soon as it is known; or one JSON object at the end."""
    header = setting.header()
    if as_json:
        listed = [result.to_dict() for result in results]
        echo(json.dumps(header | {"results": listed}, ensure_ascii=False))
        return
    for line in header_lines(header):
        echo(line)
    for result in results:
        echo(result.row())
