"""How time and memory grow with the number of studies, in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from radscribe.bench.images import repeated
from radscribe.bench.machine import peak_mb, resident_mb
from radscribe.bench.pairs import exponent, ratio
from radscribe.bench.result import Goal, Result, Spread
from radscribe.bench.setting import Setting
from radscribe.inference.captioner import Captioner

WINDOW = 16  # the first and the last sixteenth of the studies are compared: 256 of 4,096
FLAT = Goal(16, at_least=False)  # megabytes; what a few batches leave behind
MANY = 1024  # studies from which on growth means something


@dataclass(slots=True)
class Grown:
    """What the process tells.

    Parameters
    ----------
    seconds : dict of int to list[float]
        Number of studies → of each round.
    resident : list of float
        Megabytes after each caption of the first and longest run; empty where unknown.
    """

    seconds: dict[int, list[float]]
    resident: list[float]
    peak: float | None


def grow(bundle: Path, files: Sequence[Path], sizes: Sequence[int]) -> Grown:
    """Caption the greatest number first, down to the smallest and up again, so that a drift cancels."""
    captioner = Captioner(bundle)
    grown = Grown({size: [] for size in sizes}, [], None)
    for place, size in enumerate([*reversed(sizes), *sizes]):
        start = perf_counter()
        for _ in captioner.stream(repeated(files, size)):
            if place == 0 and (megabytes := resident_mb()) is not None:
                grown.resident.append(megabytes)
        grown.seconds[size].append(perf_counter() - start)
    grown.peak = peak_mb()
    return grown


def measure(setting: Setting) -> Iterator[Result]:
    """Exponent of time, time a study of many over few, and what memory grows by."""
    sizes = setting.scale.growth
    alone = multiprocessing.get_context("spawn")  # its memory is of captioning and nothing else
    with ProcessPoolExecutor(1, mp_context=alone) as process:
        grown = process.submit(grow, setting.bundle.folder, setting.files, sizes).result()
    few, most = sizes[len(sizes) // 2], sizes[-1]
    yield Result(
        "growth.exponent",
        f"of time over the number of studies, {sizes[0]} to {most:,} (1: linear)",
        exponent(grown.seconds),
        "",
    )
    spread = ratio(grown.seconds[most], grown.seconds[few])
    each = few / most
    yield Result(
        "growth.each",
        f"time a study of {most:,}, over that of {few}",
        Spread(spread.median * each, spread.low * each, spread.high * each),
    )
    window = max(most // WINDOW, 1)
    first, last = grown.resident[:window], grown.resident[-window:]
    yield Result(
        "growth.memory",
        f"resident, the last {window} of {most:,} studies over the first {window} of a fresh process",
        Spread.of([max(last) - max(first)]) if first else None,
        "MB",
        FLAT if most >= MANY else None,
    )
    yield Result(
        "growth.peak",
        f"most resident memory of that process, {most:,} studies",
        None if grown.peak is None else Spread.of([grown.peak]),
        "MB",
    )
