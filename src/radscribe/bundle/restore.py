"""A bundle's `weights.safetensors` → the torch modules that it was exported from."""

from __future__ import annotations

from pathlib import Path

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_model
from torch import nn

from radscribe.bundle.format import read
from radscribe.errors import BundleError, UsageError
from radscribe.models import Decoder, Encoder
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.config import DecoderConfig, EncoderConfig
from radscribe.training.decoder_run import Shapes, build_decoder
from radscribe.training.encoder_run import build_encoder

WEIGHTS = "weights.safetensors"


def restore(folder: Path) -> tuple[Encoder, Decoder, ReportTokenizer]:
    """Encoder and decoder of a bundle, for inference, and its tokenizer.

    Raises
    ------
    BundleError : the bundle has no weights, or they do not fit what its description says.
    """
    spec = read(folder)
    if WEIGHTS not in spec.files:
        raise BundleError(
            f"holds no {WEIGHTS}", subject=folder, remedy="export its run again, which adds them"
        )
    tokenizer = ReportTokenizer.load(folder / spec.tokenizer)
    try:
        encoder = build_encoder(msgspec.convert(spec.training["encoder"], EncoderConfig))
        config = msgspec.convert(spec.training["decoder"], DecoderConfig)
        places = (encoder.image_size // 32) ** 2
        shapes = Shapes(len(encoder.findings), encoder.channels, places)
        decoder = build_decoder(config, len(tokenizer), shapes)
        load_model(nn.ModuleDict({"encoder": encoder, "decoder": decoder}), folder / WEIGHTS)
    except (KeyError, msgspec.ValidationError, UsageError, RuntimeError, SafetensorError) as error:
        raise BundleError(
            f"does not fit the description in bundle.json: {error}",
            subject=folder / WEIGHTS,
            remedy="export its run again",
        ) from error
    return encoder.eval(), decoder.eval(), tokenizer
