"""What batching brings the bare encoder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from radscribe.bench.bare import BareEncoder
from radscribe.bench.images import decoded, repeated
from radscribe.bench.pairs import in_turn, ratio
from radscribe.bench.result import Result, Spread
from radscribe.bench.setting import Setting


def measure(setting: Setting) -> Iterator[Result]:
    """Images a second of each batch size over those of the smallest."""
    first, *others = setting.scale.batches
    files = repeated(setting.files, max(first, *others))
    tensors = decoded(files, setting.bundle.spec.encoder.image_size)
    bare = BareEncoder(setting.bundle.encoder, setting.threads)
    sides = {size: partial(bare, tensors, size) for size in (first, *others)}
    seconds = in_turn(sides, setting.scale.rounds)
    yield Result(
        f"batch.{first}",
        f"the bare encoder, {first} at a time",
        Spread.of(len(tensors) / s for s in seconds[first]),
        "images/s",
    )
    for size in others:
        yield Result(
            f"batch.{size}",
            f"images/s of the bare encoder, {size} at a time over {first} at a time",
            ratio(seconds[first], seconds[size]),
        )
