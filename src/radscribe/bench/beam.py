"""What a wider beam costs, end to end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from radscribe.bench.images import repeated
from radscribe.bench.pairs import in_turn, ratio
from radscribe.bench.result import Goal, Result
from radscribe.bench.setting import Setting

WIDTH = 3  # the one that has a goal


def measure(setting: Setting) -> Iterator[Result]:
    """Time of each width over greedy's, from files to captions."""
    files = repeated(setting.files, setting.scale.studies)

    def captions(width: int) -> None:
        for _ in setting.bundle.captioner.stream(files, beam=width):
            pass

    sides = {width: partial(captions, width) for width in (1, *setting.scale.widths)}
    seconds = in_turn(sides, setting.scale.rounds)
    for width in setting.scale.widths:
        yield Result(
            f"beam.{width}",
            f"time from files to captions with a beam of {width}, over greedy's",
            ratio(seconds[width], seconds[1]),
            goal=Goal(1.1, at_least=False) if width == WIDTH else None,
        )
