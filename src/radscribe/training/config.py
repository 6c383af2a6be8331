"""What a run is made with: defaults, a YAML file over them, `--set key=value` over that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec

from radscribe.errors import UsageError
from radscribe.labels import CHESTXRAY14

CONFIG = "config.json"  # of a run: what it was made with

Count = Annotated[int, msgspec.Meta(ge=1)]
Natural = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Side = Annotated[int, msgspec.Meta(ge=64)]  # pixels: the smallest radiographs that are read
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


# A key's comment is its meaning in `--help` (`training/config_help.py`).
class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every run is made with."""

    epochs: Count = 40  # times that all studies are seen
    batch_size: Count = 64  # studies (images, for an encoder) of a batch, over all devices together
    accumulate: Count = 1  # batches whose gradients make one step
    learning_rate: Positive = 1e-3  # the largest of the schedule
    weight_decay: NotNegative = 1e-2  # of AdamW
    clip: NotNegative = 5.0  # largest norm of the gradient; 0 clips nothing
    patience: Natural = 0  # epochs without a better figure after which a run ends; 0 never ends one early
    monitor: str = "val_loss"  # the validation figure that the best checkpoint is named by
    mode: Literal["min", "max"] = "min"  # what is better in it
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"  # of the arithmetic; weights stay in fp32
    devices: Count = 1  # GPUs, or processes where there is none
    strategy: Literal["auto", "ddp"] = "auto"  # how several devices share the work
    seed: Natural = 0  # of the weights, the order of the studies and everything drawn

    # Keys that may be others when a run goes on: they do not touch what was already done.
    may_change: ClassVar[frozenset[str]] = frozenset({"epochs", "patience", "devices", "strategy"})


class EncoderConfig(RunConfig, frozen=True, kw_only=True):
    """`radscribe train-encoder`."""

    backbone: str = "efficientnet-lite0"  # or "densenet121"
    backbone_options: dict[str, int | bool] = {}  # of the backbone's class
    pretrained: bool = True  # ImageNet weights, where the backbone has some
    init_from: str = ""  # folder of an encoder's run or import: start from its weights, with its backbone
    image_size: Side = 320  # pixels
    findings: tuple[str, ...] = CHESTXRAY14  # labels that are learned, one sigmoid each
    epochs: Count = 14
    batch_size: Count = 32
    learning_rate: Positive = 3e-4
    dropout: Share = 0.2  # of the pooled vector
    mixup: NotNegative = 0.0  # parameter of the Beta distribution that two images are mixed by; 0 mixes none
    mirror: bool = False  # exchange left and right in half of the images, as CheXNet did
    pooling: Literal["mean", "odds"] = "mean"  # of the cells' logits (CheXNet) or of their odds
    view_head: bool = False  # train on laterals too, and learn to tell the view
    class_weights: bool = False  # weigh present and absent against each other, by finding, as CheXNet did
    optimiser: Literal["adamw", "adam"] = "adamw"  # adam takes weight_decay as part of the gradient
    schedule: Literal["cosine", "plateau"] = "cosine"  # plateau: a tenth whenever val_loss does not improve
    average_decay: Share = 0.99  # of the exponential moving average of weights; 0 averages none
    calibration: Literal["platt", "temperature", "none"] = "platt"  # fitted on the validation part
    cache_images_mb: Natural = 4096  # memory for decoded images; others are decoded when they are needed
    teacher: str | None = None  # CSV of a teacher's probabilities, by image name
    teacher_weight: Share = 0.5  # of the teacher beside the labels

    may_change: ClassVar[frozenset[str]] = RunConfig.may_change - {"epochs"}  # one cycle is made for so many


class ScheduledSampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a decoder reads its own word, by epoch."""

    schedule: Literal["linear", "inverse-sigmoid"] = "linear"
    start: Natural = 0  # epochs of teacher forcing before
    length: Positive = 20.0  # linear: epochs until `highest`; inverse-sigmoid: its k
    highest: Share = 0.25


class SelfCritical(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a decoder learns from the reward of its own captions."""

    warm_up: Natural = 0  # epochs of cross-entropy before
    learning_rate: Positive = 1e-4  # after them
    samples: Count = 2  # captions drawn of a study
    baseline: Literal["greedy", "others"] = "others"  # what a reward is compared with
    cross_entropy: NotNegative = 0.0  # weight of the cross-entropy beside it


class Reward(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a caption is worth; validation's `val_score` mixes with the same weights."""

    cider_weight: NotNegative = 1.0  # of CIDEr-D, 0 to 10
    finding_weight: NotNegative = 1.0  # of the F1 of its findings, 0 to 1
    finding_f1: Literal["study", "micro"] = "study"  # of each study, or what a study adds to micro-F1


class DecoderConfig(RunConfig, frozen=True, kw_only=True):
    """`radscribe train`."""

    encoder: str = ""  # folder of the encoder's run; it goes into the bundle with the decoder
    cache: str = ""  # folder of the encoder's features, shared by runs; else the run's own
    weak_reports: str | None = None  # R2Gen annotation.json: pair labels with its training reports
    evidence: Literal["encoder", "labels"] = "encoder"  # what the decoder is told in training
    decoder: str = "show-and-tell"  # how words are made: a name in `radscribe.models.DECODERS`
    options: dict[str, int | float | bool | str] = {}  # of the decoder's class
    word_vectors: str = ""  # file in GloVe's text format that the word embedding starts from
    freeze_word_vectors: bool = False  # the word embedding does not learn
    init_from: str = ""  # folder of a run: start from its weights, with its vocabulary
    objective: str = "cross-entropy"  # a name in `training.objectives.OBJECTIVES`
    label_smoothing: Share = 0.0  # of the target, spread evenly over the vocabulary
    scheduled_sampling: ScheduledSampling = ScheduledSampling()  # for objective=scheduled-sampling
    self_critical: SelfCritical = SelfCritical()  # for objective=self-critical
    reward: Reward = Reward()  # of a caption, for objective=self-critical and for val_score
    balance: NotNegative = 0.0  # 0 draws every study alike, 1 every finding about as often as none
    target: Literal["findings", "impression", "both"] = "findings"  # the report's section that is learned
    tokenizer: str = "word"  # or "bpe"
    vocabulary_size: Count = 4000  # most tokens
    min_frequency: Count = 3  # times that a word stands in the training texts, to be one
    max_length: Count = 80  # tokens
    learning_rate: Positive = 2e-3
    weight_decay: NotNegative = 1e-4
    patience: Natural = 8
    monitor: str = "val_score"
    mode: Literal["min", "max"] = "max"


Config = TypeVar("Config", bound=RunConfig)


def load(
    kind: type[Config], file: Path | None = None, settings: Sequence[str] = (), base: Path | None = None
) -> Config:
    """Read a configuration.

    Parameters
    ----------
    settings : `key=value`; a dot enters a table: `options.hidden=512`.
    base : a configuration that `file` and `settings` go over, as a run's own when it goes on.

    Raises
    ------
    UsageError : a file that is not YAML, an unknown key, a value of the wrong kind or out of range.
    """
    table = (read_table(base) if base else {}) | (read_table(file) if file else {})
    for setting in settings:
        _set(table, setting)
    require_known(table, kind.__struct_fields__, file)
    try:
        return msgspec.convert(table, kind, strict=False)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")  # "Expected `int`, got `str` - at `$.epochs`"
        key = place.rstrip("`")
        remedy = f"see the keys and their types with --help, or leave {key} out"
        raise UsageError(f"{key} is wrong: {reason}", subject=file, remedy=remedy) from error


def require_known(names: Iterable[str], known: Iterable[str], subject: Path | None = None) -> None:
    """Raises `UsageError` for the first name that is not known, with the nearest that is."""
    known = list(known)
    for name in names:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            remedy = f"did you mean '{near[0]}'?" if near else f"the keys are {', '.join(known)}"
            raise UsageError(f"unknown key '{name}'", subject=subject, remedy=remedy)


def save(config: RunConfig, path: Path) -> None:
    """Write what a run was made with."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")


def shown(value: object) -> str:
    """A value as YAML has it, in one line."""
    text = msgspec.json.encode(value).decode()
    return text.replace('"', "").replace(",", ", ") if value else text


def read_table(file: Path) -> dict[str, Any]:
    """A YAML file's keys (JSON is YAML too).

    Raises
    ------
    UsageError : the file cannot be read, or holds something else.
    """
    try:
        table = _parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read ({error})", subject=file, remedy="give a YAML file") from error
    except ValueError as error:
        raise UsageError(f"is no YAML ({error})", subject=file, remedy="write it as key: value") from error
    if not isinstance(table, dict | None):
        raise UsageError("holds no keys", subject=file, remedy="write it as key: value")
    return table or {}


def _set(table: dict[str, Any], setting: str) -> None:
    path, equals, text = setting.partition("=")
    if not equals:
        raise UsageError(f"--set {setting}: is not key=value")
    *outer, last = path.split(".")
    for name in outer:
        table[name] = dict(table[name]) if isinstance(table.get(name), dict) else {}
        table = table[name]
    try:
        table[last] = _parse(text)
    except ValueError as error:
        raise UsageError(f"--set {setting}: is no YAML ({error})") from error


def _parse(text: str) -> Any:
    """YAML in which `1e-3` is a number too, which PyYAML takes for a word.

    Raises
    ------
    ValueError : it is no YAML.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    number = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789"))
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
