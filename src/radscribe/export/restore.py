"""A bundle's `weights.safetensors` → the torch modules that it was exported from."""

from __future__ import annotations

from pathlib import Path

import msgspec
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_model
from torch import nn

from radscribe.bundle.format import WEIGHTS, read
from radscribe.errors import BundleError, UsageError
from radscribe.models import Decoder, Encoder
from radscribe.training.config import DecoderConfig, EncoderConfig, renamed
from radscribe.training.decoder_run import Shapes, build_decoder
from radscribe.training.encoder_run import build_encoder

EMBEDDING = "decoder.word_embedding.weight"


def restore(folder: Path) -> tuple[Encoder, Decoder]:
    """Encoder and decoder of a bundle, for inference.

    Raises
    ------
    BundleError
        The bundle has no weights, or they do not fit what its description says.
    """
    spec = read(folder)
    if WEIGHTS not in spec.files:
        raise BundleError(
            f"holds no {WEIGHTS}", subject=folder, remedy="export its run again, which adds them"
        )
    if not (folder / WEIGHTS).is_file():  # as in what `locate` fetches from the Hub
        raise BundleError(
            f"was fetched or copied without {WEIGHTS}",
            subject=folder,
            remedy=f"put the {WEIGHTS} of the same bundle there, or name a folder that holds it",
        )
    try:
        encoder = build_encoder(msgspec.convert(renamed(spec.training["encoder"]), EncoderConfig))
        config = msgspec.convert(renamed(spec.training["decoder"]), DecoderConfig)
        shapes = Shapes(len(encoder.findings), encoder.channels, encoder.places)
        with safe_open(folder / WEIGHTS, "pt") as file:
            name = (file.metadata() or {}).get(EMBEDDING, EMBEDDING)  # tied tensors are written once
            vocabulary_size = file.get_slice(name).get_shape()[0]
        decoder = build_decoder(config, vocabulary_size, shapes)
        load_model(nn.ModuleDict({"encoder": encoder, "decoder": decoder}), folder / WEIGHTS)
    except (KeyError, msgspec.ValidationError, UsageError, RuntimeError, SafetensorError) as error:
        raise BundleError(
            f"does not fit the description in bundle.json: {error}",
            subject=folder / WEIGHTS,
            remedy="export its run again",
        ) from error
    return encoder.eval(), decoder.eval()
