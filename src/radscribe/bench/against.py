"""Another bundle, for example int8 beside fp32."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from radscribe.bench.bare import BareEncoder
from radscribe.bench.images import decoded, repeated
from radscribe.bench.pairs import in_turn, ratio
from radscribe.bench.result import Result
from radscribe.bench.setting import Opened, Setting


def measure(setting: Setting) -> Iterator[Result]:
    """How many times as fast the bundle is as the other: its bare encoder, and end to end."""
    assert setting.against is not None  # `run.chosen` sees to it
    files = repeated(setting.files, setting.scale.studies)
    bundles = {"this": setting.bundle, "other": setting.against}

    def encoder(bundle: Opened) -> Callable[[], object]:
        bare = BareEncoder(bundle.encoder, setting.threads)
        tensors = decoded(files, bundle.spec.encoder.image_size)
        return lambda: bare.one_a_core(tensors)

    def end_to_end(bundle: Opened) -> Callable[[], object]:
        return lambda: list(bundle.captioner.stream(files))

    for name, meaning, side in (
        ("encoder", "images/s of the bare encoder, an image a core", encoder),
        ("end-to-end", "studies/s from files to captions (beam 3)", end_to_end),
    ):
        seconds = in_turn({key: side(bundle) for key, bundle in bundles.items()}, setting.scale.rounds)
        yield Result(
            f"against.{name}",
            f"{meaning}, over those of {setting.against.spec.id}",
            ratio(seconds["other"], seconds["this"]),
        )
