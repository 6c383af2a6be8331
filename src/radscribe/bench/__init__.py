"""`radscribe bench`: ratios of speed and memory, each measured in one run with the sides in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from radscribe.bench import against, batch, beam, cold_start, end_to_end, growth, length
from radscribe.bench.result import Result
from radscribe.bench.setting import Setting

Measurement = Callable[[Setting], Iterator[Result]]
# In the order of the table.
MEASUREMENTS: dict[str, Measurement] = {
    "end-to-end": end_to_end.measure,
    "beam": beam.measure,
    "batch": batch.measure,
    "against": against.measure,
    "length": length.measure,
    "growth": growth.measure,
    "cold-start": cold_start.measure,
}
