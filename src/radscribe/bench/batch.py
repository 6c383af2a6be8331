"""What batching brings the bare encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    sides: dict[int, Callable[[], object]] = {
        size: partial(bare.batched, tensors, size) for size in (first, *others)
    }
    sides[0] = partial(bare.one_a_core, tensors)
    seconds = in_turn(sides, setting.scale.rounds)
    yield Result(
        f"batch.{first}",
        f"the bare encoder, all cores at {first} image at a time",
        Spread.of(len(tensors) / s for s in seconds[first]),
        "images/s",
    )
    for size in others:
        yield Result(
            f"batch.{size}",
            f"images/s of the bare encoder, all cores at {size} at a time, over {first} at a time",
            ratio(seconds[first], seconds[size]),
        )
    yield Result(
        "batch.one-a-core",
        f"images/s of the bare encoder, each core at an image of its own, over all at {first} at a time",
        ratio(seconds[first], seconds[0]),
    )
