"""Captions over files against the bare encoder on decoded tensors."""

from __future__ import annotations

from collections.abc import Iterator

from radscribe.bench.bare import BATCH, BareEncoder
from radscribe.bench.images import decoded, repeated
from radscribe.bench.pairs import in_turn, ratio
from radscribe.bench.result import Goal, Result, Spread
from radscribe.bench.setting import Setting

GOAL = Goal(0.9, at_least=True)


def measure(setting: Setting) -> Iterator[Result]:
    """Reading, the chest check, resizing, the encoder and a beam of 3, over the encoder alone."""
    bundle, files = setting.bundle, repeated(setting.files, setting.scale.studies)
    bare = BareEncoder(bundle.encoder, setting.threads)
    tensors = decoded(files, bundle.spec.encoder.image_size)
    seconds = in_turn(
        {
            "files": lambda: list(bundle.captioner.stream(files)),
            "one a core": lambda: bare.one_a_core(tensors),
            "batched": lambda: bare.batched(tensors),
        },
        setting.scale.rounds,
    )
    what = "studies/s from files to captions (beam 3), over images/s of the bare encoder on tensors,"
    yield Result(
        "end-to-end",
        f"{what} an image a core",
        ratio(seconds["one a core"], seconds["files"]),
        goal=GOAL,
    )
    yield Result(
        "end-to-end.batched",
        f"{what} all cores at a batch of {BATCH}",
        ratio(seconds["batched"], seconds["files"]),
        goal=GOAL,
    )
    yield Result(
        "end-to-end.rate",
        "from files to captions",
        Spread.of(len(files) / s for s in seconds["files"]),
        "studies/s",
    )
