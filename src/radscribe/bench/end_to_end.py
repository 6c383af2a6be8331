"""Captions over files against the bare encoder on decoded tensors."""

from __future__ import annotations

from collections.abc import Iterator

from radscribe.bench.bare import BareEncoder
from radscribe.bench.images import decoded, repeated
from radscribe.bench.pairs import in_turn, ratio
from radscribe.bench.result import Goal, Result, Spread
from radscribe.bench.setting import Setting
from radscribe.inference.captioner import BATCH


def measure(setting: Setting) -> Iterator[Result]:
    """Reading, the chest check, resizing, the encoder and a beam of 3, over the encoder alone."""
    bundle, files = setting.bundle, repeated(setting.files, setting.scale.studies)
    bare = BareEncoder(bundle.encoder, setting.threads)
    tensors = decoded(files, bundle.spec.encoder.image_size)
    seconds = in_turn(
        {
            "files": lambda: list(bundle.captioner.stream(files)),
            "bare": lambda: bare(tensors, BATCH),
        },
        setting.scale.rounds,
    )
    yield Result(
        "end-to-end",
        f"studies/s from files to captions (beam 3), over the bare encoder's on tensors, batch {BATCH}",
        ratio(seconds["bare"], seconds["files"]),
        goal=Goal(0.9, at_least=True),
    )
    yield Result(
        "end-to-end.rate",
        "from files to captions",
        Spread.of(len(files) / s for s in seconds["files"]),
        "studies/s",
    )
