"""The files of a captioner's run, and how to resume it.

`config.json`, `shapes.json`, `tokenizer.json`, `sentences.txt` (digests of what it learned, unless
the decoder is a language model), `best.ckpt` and `last.ckpt`, `decoder.pt` (the best weights), and, where
the run has an encoder, `encoder/`, a copy of the encoder's run: all that `radscribe export` needs.
"""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path
from typing import Any, cast

import msgspec
import torch

from radscribe.errors import DataError, UsageError
from radscribe.models import DECODERS, Decoder, Encoder
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.checkpoint import is_checkpoint
from radscribe.training.config import CONFIG, DecoderConfig, load, require_known
from radscribe.training.encoder_run import copy_encoder, load_encoder

WEIGHTS = "decoder.pt"
SHAPES = "shapes.json"
TOKENIZER = "tokenizer.json"
ENCODER = "encoder"
OF_CHECKPOINTS = "causal-lm"  # in `DECODERS`
IMPORT = "import.json"  # where an imported run came from


class Shapes(msgspec.Struct, frozen=True):
    """Lengths of the features that a decoder reads; 0 if there is no such feature."""

    findings: int
    channels: int
    places: int = 0  # cells of one image


def require_decoder(name: str) -> None:
    """Raise `UsageError` if there is no such decoder."""
    DECODERS[registered(name)]


def registered(name: str) -> str:
    """Return the name in `DECODERS` of a decoder, which may be a checkpoint's."""
    return OF_CHECKPOINTS if is_checkpoint(name) else name


def option_names(decoder: str) -> list[str]:
    """Names of a decoder's options: its parameters without the vocabulary's size and its `Shapes`."""
    given = {"self", "vocabulary_size", *Shapes.__struct_fields__, "architecture", "options", "context"}
    return [name for name in _parameters(decoder) if name not in given]


def _parameters(decoder: str) -> list[str]:
    """Parameters of a decoder's class and of its base classes."""
    classes = inspect.getmro(cast("type[Decoder]", DECODERS[registered(decoder)]))
    own = [kind for kind in classes if issubclass(kind, Decoder) and "__init__" in vars(kind)]
    return [name for kind in own for name in inspect.signature(kind.__init__).parameters]


def build_decoder(config: DecoderConfig, vocabulary_size: int, shapes: Shapes) -> Decoder:
    """The decoder of a configuration.

    Raises
    ------
    UsageError
        There is no such decoder, or it does not have an option, or captions are too long for it.
    """
    require_decoder(config.decoder)
    kind = DECODERS[registered(config.decoder)]
    require_known(config.options, option_names(config.decoder))
    lengths = {k: n for k, n in msgspec.structs.asdict(shapes).items() if k in _parameters(config.decoder)}
    known: dict[str, Any] = {"architecture": config.architecture} if config.architecture else {}
    if config.context:
        if "context" not in _parameters(config.decoder):
            raise UsageError(
                f"decoder {config.decoder} reads no {' and no '.join(config.context)}",
                remedy="leave context out, or choose show-and-tell, show-attend-tell or transformer",
            )
        known["context"] = config.context
    try:
        decoder = kind(vocabulary_size, **lengths, **known, **config.options)
    except TypeError as error:
        raise UsageError(
            f"options of {config.decoder}: {error}", remedy="see docs/guides/decoders.md"
        ) from error
    if decoder.positions is not None and decoder.positions <= config.max_length:
        raise UsageError(
            f"max_length {config.max_length} needs {config.max_length + 1} positions",
            remedy="set options.positions so high, or max_length lower",
        )
    return decoder


def load_decoder(run: Path) -> tuple[Decoder, ReportTokenizer, DecoderConfig]:
    """The decoder of a run, with the encoder or without.

    Raises
    ------
    DataError
        The run is not finished.
    """
    config = load(DecoderConfig, run / CONFIG)
    if not (run / WEIGHTS).is_file():
        raise DataError(
            f"has no {WEIGHTS}: the run is not finished", subject=run, remedy="continue it with --resume"
        )
    shapes = msgspec.json.decode((run / SHAPES).read_bytes(), type=Shapes)
    tokenizer = ReportTokenizer.load(run / TOKENIZER)
    decoder = build_decoder(config, len(tokenizer), shapes)
    decoder.load_state_dict(torch.load(run / WEIGHTS, map_location="cpu", weights_only=True))
    return decoder.eval(), tokenizer, config


def load_captioner(run: Path) -> tuple[Encoder, Decoder, ReportTokenizer, DecoderConfig]:
    """Encoder and decoder of a run.

    Raises
    ------
    DataError
        The run is not finished, or was trained on only features.
    """
    decoder, tokenizer, config = load_decoder(run)
    if not (run / ENCODER).is_dir():
        raise DataError(
            "was trained on features and has no encoder, so it cannot caption pixels",
            subject=run,
            remedy="train with --set encoder=RUN",
        )
    return load_encoder(run / ENCODER), decoder, tokenizer, config


def keep_encoder(source: Path, run: Path) -> None:
    """Copy an encoder, from its run, its import or a bundle, into a captioner's run."""
    target = run / ENCODER
    target.mkdir(exist_ok=True)
    copy_encoder(source, target)
    for name in ("validation.json", IMPORT):
        if (source / name).resolve() == (target / name).resolve():
            continue
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
        else:
            (target / name).unlink(missing_ok=True)  # of the encoder that was here before
