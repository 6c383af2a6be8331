"""What a run is made with: defaults, a YAML file over them, `--set key=value` over that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from radscribe.errors import UsageError
from radscribe.labels import CHESTXRAY14


class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every run is made with."""

    epochs: int = 40
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    clip: float = 5.0  # largest norm of the gradient
    patience: int = 0  # epochs without a better figure after which a run ends; 0 never ends one early
    monitor: str = "val_loss"  # the validation figure that the best checkpoint is named by
    mode: Literal["min", "max"] = "min"  # what is better in it
    seed: int = 0


class EncoderConfig(RunConfig, frozen=True, kw_only=True):
    """`radscribe train-encoder`."""

    backbone: str = "efficientnet-lite0"
    pretrained: bool = True  # ImageNet weights, where the backbone has some
    init_from: str | None = None  # folder of an encoder to start from: of a run, or of import-weights
    image_size: int = 320
    findings: tuple[str, ...] = CHESTXRAY14
    epochs: int = 14
    batch_size: int = 32
    learning_rate: float = 3e-4
    weight_decay: float = 1e-2
    dropout: float = 0.2
    mixup: float = 0.0  # parameter of the Beta distribution that two images are mixed by; 0 mixes none
    mirror: bool = False  # exchange left and right in half of the images, as CheXNet did
    view_head: bool = False  # train on laterals too, and learn to tell the view
    class_weights: bool = False  # weigh present and absent against each other, by finding, as CheXNet did
    optimiser: Literal["adamw", "adam"] = "adamw"
    schedule: Literal["cosine", "plateau"] = "cosine"  # plateau: a tenth whenever val_loss does not improve
    average_decay: float = 0.99  # of the exponential moving average of weights; 0 averages none
    calibration: Literal["platt", "temperature", "none"] = "platt"  # fitted on the validation part
    cache_images_mb: int = 4096  # memory for decoded images; what it does not hold is decoded when needed
    teacher: str | None = None  # CSV of a teacher's probabilities, by image name
    teacher_weight: float = 0.5


class DecoderConfig(RunConfig, frozen=True, kw_only=True):
    """`radscribe train`."""

    encoder: str = ""  # folder of the encoder's run; it goes into the bundle with the decoder
    weak_reports: str | None = None  # R2Gen annotation.json: pair labels with its training reports
    evidence: Literal["encoder", "labels"] = "encoder"  # what the decoder is told in training
    decoder: str = "show-and-tell"
    options: dict[str, int | float | bool | str] = {}  # of the decoder's class
    balance: float = 0.0  # 0 draws every study alike, 1 every finding about as often as none
    target: str = "findings"  # the report's section that is learned
    tokenizer: str = "word"  # or "bpe"
    vocabulary_size: int = 4000
    min_frequency: int = 3
    max_length: int = 80  # tokens
    epochs: int = 40
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    patience: int = 8


Config = TypeVar("Config", EncoderConfig, DecoderConfig)


def load(kind: type[Config], file: Path | None = None, settings: Sequence[str] = ()) -> Config:
    """Read a configuration.

    Parameters
    ----------
    settings : `key=value`; a dot enters a table: `options.hidden=512`.

    Raises
    ------
    UsageError : a file that is not YAML, an unknown key, a value of the wrong kind.
    """
    import yaml

    try:
        table = (yaml.safe_load(file.read_text(encoding="utf-8")) if file else None) or {}
        for setting in settings:
            key, equals, value = setting.partition("=")
            if not equals:
                raise UsageError(f"--set {setting}: is not key=value")
            *outer, last = key.split(".")
            place = table
            for name in outer:
                place = place.setdefault(name, {})
            place[last] = yaml.safe_load(value)
        return msgspec.convert(table, kind, strict=False)
    except (OSError, yaml.YAMLError, msgspec.MsgspecError, AttributeError, TypeError) as error:
        keys = ", ".join(kind.__struct_fields__)
        raise UsageError(
            f"the configuration is wrong: {error}", subject=file, remedy=f"the keys are {keys}"
        ) from error


def save(config: RunConfig, path: Path) -> None:
    """Write what a run was made with."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")
