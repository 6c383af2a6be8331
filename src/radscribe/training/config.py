"""Settings of a run: defaults, overridden by a YAML file, overridden by `--set key=value`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from radscribe.errors import UsageError
from radscribe.labels import CHESTXRAY14

CONFIG = "config.json"  # of a run

Count = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
CaptionTarget = Literal["findings", "impression", "both", "sections"]
RENAMED = {"evidence": "finding_input"}  # keys of earlier releases


# The description of a key is what `--help` and the documentation say about it.
class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of every run."""

    epochs: Annotated[Count, Meta(description="Passes over the training part.")] = 40
    batch_size: Annotated[
        Count, Meta(description="Studies (images, for an encoder) per batch, over all devices together.")
    ] = 64
    accumulate: Annotated[Count, Meta(description="Batches whose gradients make one step.")] = 1
    learning_rate: Annotated[Positive, Meta(description="Largest learning rate of the schedule.")] = 1e-3
    weight_decay: Annotated[NotNegative, Meta(description="Weight decay of the optimiser.")] = 1e-2
    clip: Annotated[NotNegative, Meta(description="Largest norm of the gradient; 0 does not clip.")] = 5.0
    patience: Annotated[
        Natural, Meta(description="Stop after this many epochs without a better figure; 0 never stops early.")
    ] = 0
    monitor: Annotated[str, Meta(description="Validation figure that chooses the best checkpoint.")] = (
        "val_loss"
    )
    mode: Annotated[
        Literal["min", "max"], Meta(description="Whether a lower or a higher `monitor` is better.")
    ] = "min"
    precision: Annotated[
        Literal["fp32", "bf16", "fp16"], Meta(description="Arithmetic; weights stay in fp32.")
    ] = "fp32"
    devices: Annotated[Count, Meta(description="Number of GPUs, or of processes on a CPU.")] = 1
    strategy: Annotated[
        Literal["auto", "ddp"], Meta(description="How devices share the work; auto uses ddp for several.")
    ] = "auto"
    seed: Annotated[
        Natural, Meta(description="Seed of the weights, the order of the studies and all sampling.")
    ] = 0

    # Keys that may differ when a run is resumed: they do not affect the epochs that are done.
    may_change: ClassVar[frozenset[str]] = frozenset({"epochs", "patience", "devices", "strategy"})


class EncoderConfig(RunConfig, frozen=True, kw_only=True):
    """Settings of `radscribe train-encoder`."""

    backbone: Annotated[
        str,
        Meta(
            description="Backbone: densenet121, efficientnet-lite0, efficientnet-lite1, efficientnet-lite2, "
            "or hf:owner/name or hf:FOLDER, a checkpoint of the Hub."
        ),
    ] = "efficientnet-lite0"
    architecture: Annotated[
        dict[str, Any], Meta(description="Architecture of an hf: backbone; read from its checkpoint.")
    ] = {}
    backbone_options: Annotated[
        dict[str, int | bool], Meta(description="Options of the backbone's class.")
    ] = {}
    pretrained: Annotated[bool, Meta(description="Start from ImageNet weights if the backbone has them.")] = (
        True
    )
    init_from: Annotated[
        str, Meta(description="Encoder run or import to start from; its backbone is used.")
    ] = ""
    image_size: Annotated[
        Natural,
        Meta(description="Side of the square input in pixels; 0 takes that of an hf: backbone's checkpoint."),
    ] = 320
    findings: Annotated[tuple[str, ...], Meta(description="Findings to learn; each gets one sigmoid.")] = (
        CHESTXRAY14
    )
    labels: Annotated[
        Literal["manifest", "report", "agree"],
        Meta(
            description="Source of the labels: the manifest; what the report asserts (absent if it does not "
            "mention a finding); or both, with disagreements left out."
        ),
    ] = "manifest"
    epochs: Annotated[Count, Meta(description="Passes over the training part.")] = 14
    batch_size: Annotated[Count, Meta(description="Images per batch, over all devices together.")] = 32
    learning_rate: Annotated[Positive, Meta(description="Largest learning rate of the schedule.")] = 3e-4
    dropout: Annotated[Share, Meta(description="Dropout rate before the head.")] = 0.2
    mixup: Annotated[
        NotNegative,
        Meta(
            description="Parameter of the Beta distribution that mixes pairs of images; 0 turns mixing off."
        ),
    ] = 0.0
    mirror: Annotated[
        bool, Meta(description="Mirror half of the images, as CheXNet did. Sides are lost.")
    ] = False
    pooling: Annotated[
        Literal["mean", "odds"],
        Meta(
            description="Average the logits of the cells (CheXNet) or their odds, which suits small findings."
        ),
    ] = "mean"
    view_head: Annotated[
        bool, Meta(description="Train on lateral images too, and learn to recognise the view.")
    ] = False
    class_weights: Annotated[
        bool, Meta(description="Balance present against absent for each finding, as CheXNet did.")
    ] = False
    box_weight: Annotated[
        NotNegative,
        Meta(description="Weight of the loss on finding maps inside and outside the manifest's boxes."),
    ] = 4.0
    zone_weight: Annotated[
        NotNegative,
        Meta(description="Weight of the loss on the map of `zone_finding` in the manifest's Brixia zones."),
    ] = 0.3
    zone_finding: Annotated[
        str, Meta(description="Finding that Brixia zones speak about, if it is among `findings`.")
    ] = "Opacity"
    optimiser: Annotated[
        Literal["adamw", "adam"], Meta(description="adam adds weight_decay to the gradient.")
    ] = "adamw"
    schedule: Annotated[
        Literal["cosine", "plateau"],
        Meta(description="plateau divides the learning rate by 10 when val_loss does not improve."),
    ] = "cosine"
    average_decay: Annotated[
        Share, Meta(description="Decay of the moving average of the weights; 0 does not average.")
    ] = 0.99
    calibration: Annotated[
        Literal["platt", "temperature", "none"],
        Meta(description="Calibration of the probabilities, fitted on the validation part."),
    ] = "platt"
    cache_images_mb: Annotated[
        Natural, Meta(description="Memory for decoded images in MB; other images are decoded when needed.")
    ] = 4096
    teacher: Annotated[str | None, Meta(description="CSV of a teacher's probabilities by image name.")] = None
    teacher_weight: Annotated[Share, Meta(description="Weight of the teacher against the labels.")] = 0.5

    # The learning rate's cycle depends on the number of epochs.
    may_change: ClassVar[frozenset[str]] = RunConfig.may_change - {"epochs"}


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
    samples: Count = 2  # captions drawn per study
    baseline: Literal["greedy", "others"] = "others"  # what a reward is compared with
    cross_entropy: NotNegative = 0.0  # weight of the cross-entropy in the sum
    kl: NotNegative = 0.0  # weight of the divergence from the model of `init_from`


class Reward(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of a caption's reward; validation's `val_score` mixes with the same weights."""

    cider_weight: NotNegative = 1.0  # of CIDEr-D, 0 to 10
    finding_weight: NotNegative = 1.0  # of the F1 of its findings, 0 to 1
    finding_f1: Literal["study", "micro"] = "study"  # of each study, or what a study adds to micro-F1
    clinical_weight: NotNegative = 0.0  # of what a study adds to the F1 of findings with sides and zones
    radgraph_weight: NotNegative = 0.0  # of RadGraph F1, 0 to 1; needs the package radgraph


class DecoderConfig(RunConfig, frozen=True, kw_only=True):
    """Settings of `radscribe train`."""

    encoder: Annotated[str, Meta(description="Encoder run, or bundle, whose features are read.")] = ""
    cache: Annotated[
        str, Meta(description="Folder of cached features, shared between runs (default: inside the run).")
    ] = ""
    reviews: Annotated[
        str, Meta(description="Folder of export-reviews, whose parts are added to those of the dataset.")
    ] = ""
    weak_reports: Annotated[
        str | None, Meta(description="R2Gen annotation.json: pair labels with its training reports.")
    ] = None
    finding_input: Annotated[
        Literal["encoder", "labels"],
        Meta(
            description="Source of the findings in training: the encoder, or features made from the labels."
        ),
    ] = "encoder"
    decoder: Annotated[
        str,
        Meta(
            description="Decoder: a name from docs/guides/decoders.md, such as transformer, or hf:owner/name "
            "or hf:FOLDER, a pretrained language model."
        ),
    ] = "show-and-tell"
    architecture: Annotated[
        dict[str, Any], Meta(description="Architecture of an hf: decoder; read from its checkpoint.")
    ] = {}
    options: Annotated[
        dict[str, int | float | bool | str], Meta(description="Options of the decoder's class.")
    ] = {}
    context: Annotated[
        tuple[Literal["indication", "prior"], ...],
        Meta(description="What is read beside the images: indication, prior (an earlier study), or both."),
    ] = ()
    context_dropout: Annotated[
        Share,
        Meta(description="Probability that training leaves out a part of the context, each part apart."),
    ] = 0.3
    swapped_priors: Annotated[
        NotNegative,
        Meta(
            description="Weight in the loss of comparisons with another patient's prior, which teach what is "
            "new or resolved."
        ),
    ] = 0.5
    plan_points: Annotated[
        Literal["micro", "macro"],
        Meta(description="F1 on the validation part that a content plan's operating points maximise."),
    ] = "micro"
    view_dropout: Annotated[
        Share, Meta(description="Probability that training leaves out an image; one per study stays.")
    ] = 0.0
    balance: Annotated[
        NotNegative,
        Meta(description="Sampling of studies: 0 draws all equally often, 1 each finding as often as none."),
    ] = 0.5
    sentence_balance: Annotated[
        NotNegative,
        Meta(description="How much less frequent sentences weigh in the loss: 0 not at all, 1 by frequency."),
    ] = 0.0
    auxiliary_findings: Annotated[
        NotNegative,
        Meta(description="Weight of predicting the report's findings from the decoder's first state."),
    ] = 0.0
    teacher: Annotated[
        str,
        Meta(description="Run of a bank whose captions are learned instead of the reports."),
    ] = ""
    teacher_noise: Annotated[
        NotNegative,
        Meta(description="Standard deviation of the noise on finding logits if there is a teacher."),
    ] = 0.7
    word_vectors: Annotated[
        str, Meta(description="File in GloVe's text format to initialise the word embedding from.")
    ] = ""
    freeze_word_vectors: Annotated[bool, Meta(description="Do not train the word embedding.")] = False
    init_from: Annotated[str, Meta(description="Run to start from: its weights and vocabulary.")] = ""
    objective: Annotated[
        str, Meta(description="Objective: cross-entropy, scheduled-sampling, self-critical.")
    ] = "cross-entropy"
    label_smoothing: Annotated[
        Share, Meta(description="Share of the target that is spread over the vocabulary.")
    ] = 0.0
    scheduled_sampling: Annotated[
        ScheduledSampling, Meta(description="Settings of objective=scheduled-sampling.")
    ] = ScheduledSampling()
    self_critical: Annotated[SelfCritical, Meta(description="Settings of objective=self-critical.")] = (
        SelfCritical()
    )
    reward: Annotated[Reward, Meta(description="Weights of the reward and of val_score.")] = Reward()
    target: Annotated[
        CaptionTarget,
        Meta(description="Text to learn. sections: findings, then impression, each behind a token."),
    ] = "findings"
    tokenizer: Annotated[str, Meta(description="Tokenizer: word or bpe.")] = "word"
    vocabulary_size: Annotated[Count, Meta(description="Largest number of tokens.")] = 4000
    min_frequency: Annotated[
        Natural,
        Meta(
            description="Smallest number of times that a word occurs in the training texts; 0 takes 3, or 1 "
            "if there are fewer than 500 texts."
        ),
    ] = 0
    max_length: Annotated[Count, Meta(description="Largest number of tokens per caption.")] = 80
    learning_rate: Annotated[Positive, Meta(description="Largest learning rate of the schedule.")] = 2e-3
    weight_decay: Annotated[NotNegative, Meta(description="Weight decay of the optimiser.")] = 1e-4
    patience: Annotated[
        Natural, Meta(description="Stop after this many epochs without a better figure; 0 never stops early.")
    ] = 8
    monitor: Annotated[str, Meta(description="Validation figure that chooses the best checkpoint.")] = (
        "val_score"
    )
    mode: Annotated[
        Literal["min", "max"], Meta(description="Whether a lower or a higher `monitor` is better.")
    ] = "max"


Config = TypeVar("Config", bound=RunConfig)


def load(
    kind: type[Config], file: Path | None = None, settings: Sequence[str] = (), base: Path | None = None
) -> Config:
    """Read a configuration.

    Parameters
    ----------
    kind : type
        Class of the configuration.
    file : Path, optional
        YAML file that overrides the defaults.
    settings : sequence of str
        `key=value`, which overrides the file. A dot enters a table: `options.hidden=512`.
    base : Path, optional
        Configuration that replaces the defaults: a run's own if it is resumed.

    Raises
    ------
    UsageError
        If the file is not YAML, a key is unknown, or a value is out of range or of the wrong type.
    """
    table = (read_table(base) if base else {}) | (read_table(file) if file else {})
    for setting in settings:
        _set(table, setting)
    table = renamed(table)
    require_known(table, kind.__struct_fields__, file)
    try:
        return msgspec.convert(table, kind, strict=False)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")  # "Expected `int`, got `str` - at `$.epochs`"
        key = place.rstrip("`")
        remedy = f"see the keys and their types with --help, or leave {key} out"
        raise UsageError(f"{key} is wrong: {reason}", subject=file, remedy=remedy) from error


def renamed(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration that an earlier release wrote with today's keys."""
    return {RENAMED.get(key, key): value for key, value in table.items()}


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
    UsageError
        The file cannot be read, or holds something else.
    """
    try:
        table = _parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read ({error})", subject=file, remedy="give a YAML file") from error
    except ValueError as error:
        raise UsageError(f"is not YAML ({error})", subject=file, remedy="write it as key: value") from error
    if not isinstance(table, dict | None):
        raise UsageError("holds no keys", subject=file, remedy="write it as key: value")
    return table or {}


class Key(NamedTuple):
    """One key of a configuration, as `--help` shows it."""

    name: str
    type: str
    default: str
    meaning: str


NAMES = {int: "integer", float: "number", bool: "true or false", str: "text", tuple: "list", dict: "table"}


def keys(kind: type[RunConfig]) -> list[Key]:
    """Return the keys of a configuration: first those of only this kind, then those of every run."""
    default, shared = kind(), RunConfig.__struct_fields__
    fields = sorted(msgspec.structs.fields(kind), key=lambda field: field.name in shared)
    return [
        Key(field.name, _type(field.type), shown(getattr(default, field.name)), _description(field.type))
        for field in fields
    ]


def _description(annotation: Any) -> str:
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((note.description for note in notes if isinstance(note, Meta) and note.description), "")


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _type(get_args(annotation)[0])
    if origin is Literal:
        return " or ".join(map(str, get_args(annotation)))
    if origin in (Union, UnionType):
        return _type(next(part for part in get_args(annotation) if part is not type(None)))
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return NAMES[dict]
    return NAMES.get(origin or annotation, "text")


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
        raise UsageError(f"--set {setting}: is not YAML ({error})") from error


def _parse(text: str) -> Any:
    """YAML in which `1e-3` is a number too, which PyYAML takes for a word.

    Raises
    ------
    ValueError
        It is no YAML.
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
