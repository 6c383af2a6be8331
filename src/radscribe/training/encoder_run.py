"""An encoder by its configuration: with the weights that a run starts from, or with those that one left."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from radscribe.bundle.format import DESCRIPTION, describe, locate, read
from radscribe.bundle.format import WEIGHTS as BUNDLE_WEIGHTS
from radscribe.errors import DataError, RadscribeWarning, UsageError
from radscribe.models.encoder import Encoder
from radscribe.models.hub_backbone import HubBackbone
from radscribe.training import bundle_encoder
from radscribe.training.bundle_encoder import BundleEncoder
from radscribe.training.checkpoint import is_checkpoint, open_checkpoint
from radscribe.training.config import CONFIG, EncoderConfig, load, renamed, save
from radscribe.training.tensor_files import save_tensors

WEIGHTS = "encoder.pt"
SMALLEST = 64  # pixels: the smallest radiographs that are accepted


def with_backbone_of_source(config: EncoderConfig) -> EncoderConfig:
    """Return the configuration with the backbone of the encoder or checkpoint that it starts from, if any.

    Raises
    ------
    UsageError
        The image size is 0 and there is no checkpoint to take it from, or it is too small.
    """
    if config.init_from:
        folder = Path(config.init_from)
        if (folder / DESCRIPTION).is_file():
            table = renamed(describe(folder).training["encoder"])
            source = msgspec.convert(table, EncoderConfig, strict=False)
        else:
            source = load(EncoderConfig, folder / CONFIG)
        config = msgspec.structs.replace(
            config,
            backbone=source.backbone,
            backbone_options=source.backbone_options,
            architecture=source.architecture,
            image_size=config.image_size or source.image_size,
        )
    elif is_checkpoint(config.backbone) and not config.architecture:
        checkpoint = open_checkpoint(config.backbone)
        size, mean, std = checkpoint.image_input()
        config = msgspec.structs.replace(
            config,
            architecture={"config": checkpoint.architecture(), "mean": mean, "std": std},
            image_size=config.image_size or size,
        )
    if config.image_size < SMALLEST:
        raise UsageError(
            f"image_size is {config.image_size}",
            remedy=f"use {SMALLEST} or more; 0 uses the size of an hf: backbone's checkpoint",
        )
    return config


def build_encoder(config: EncoderConfig) -> Encoder:
    """The encoder of a configuration, with random weights."""
    return Encoder(
        config.backbone,
        config.image_size,
        config.findings,
        config.dropout,
        backbone_options=config.backbone_options,
        view_head=config.view_head,
        pooling=config.pooling,
        architecture=config.architecture,
    )


def initial_encoder(config: EncoderConfig, prevalence: Tensor) -> Encoder:
    """The encoder that training starts from: another one's weights, else ImageNet's, else random ones.

    Parameters
    ----------
    config : EncoderConfig
        Its backbone is that of `init_from`.
    prevalence : Tensor
        `[F]`, how often each finding is met.
    """
    encoder = build_encoder(config)
    # At first the classifier says how often each finding is met; class weights even that out.
    met = torch.full_like(prevalence, 0.5) if config.class_weights else prevalence.clamp(1e-3, 1 - 1e-3)
    with torch.no_grad():
        encoder.classifier.weight.mul_(0.1)
        encoder.classifier.bias.copy_(torch.logit(met))
    if config.init_from:
        _take_over(encoder, Path(config.init_from))
    elif config.pretrained and isinstance(encoder.backbone, HubBackbone):
        encoder.backbone.take_weights(open_checkpoint(config.backbone).folder, config.backbone)
    elif config.pretrained and (imagenet := getattr(encoder.backbone, "imagenet_state", None)) is not None:
        encoder.backbone.load_state_dict(imagenet())
    elif config.pretrained:
        warnings.warn(
            f"there are no pretrained weights of {config.backbone}: training starts from random ones; "
            "give --set init_from=ENCODER, the folder of a run or of import-weights",
            RadscribeWarning,
            stacklevel=2,
        )
    return encoder


def _take_over(encoder: Encoder, folder: Path) -> None:
    """Start from another encoder: its backbone, and its classifier's rows of the findings that both know."""
    source = load_encoder(folder)
    if isinstance(source, BundleEncoder):
        raise DataError(
            f"has no {BUNDLE_WEIGHTS}, which training needs",
            subject=folder,
            remedy="name the encoder's run, or a copy of the bundle with its weights",
        )
    encoder.backbone.load_state_dict(source.backbone.state_dict())
    encoder.mean, encoder.std = source.mean, source.std
    with torch.no_grad():
        for row, finding in enumerate(encoder.findings):
            if finding in source.findings:
                known = source.findings.index(finding)
                encoder.classifier.weight[row] = source.classifier.weight[known]
                encoder.classifier.bias[row] = source.classifier.bias[known]
    if encoder.view_classifier is not None and source.view_classifier is not None:
        encoder.view_classifier.load_state_dict(source.view_classifier.state_dict())


def folder_of(encoder: str) -> Path:
    """Return the folder of an encoder: a run, an import, or a bundle, also by its name or on the Hub."""
    return Path(encoder) if Path(encoder).is_dir() else locate(encoder)


def load_encoder(run: Path) -> Encoder:
    """The encoder that a run left, or that of a bundle.

    A bundle's encoder is its graph, which gives features but cannot be trained, if the bundle has no weights
    or is int8.

    Raises
    ------
    DataError
        The run is not finished, or its weights do not fit its configuration.
    """
    if _is_graph(run):
        return bundle_encoder.load(run)
    if (run / DESCRIPTION).is_file():
        return _encoder_of_bundle(run)[0]
    config = load(EncoderConfig, run / CONFIG)
    encoder = build_encoder(config)
    try:
        encoder.load_state_dict(torch.load(run / WEIGHTS, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise DataError(
            f"has no {WEIGHTS}: the run is not finished", subject=run, remedy="continue it with --resume"
        ) from None
    except RuntimeError as error:
        raise DataError(
            f"weights do not fit config.json: {error}", subject=run, remedy="train the encoder again"
        ) from error
    return encoder.eval()


def copy_encoder(source: Path, target: Path) -> None:
    """Write an encoder's configuration and weights, or graph, into a folder, from its run or a bundle."""
    if _is_graph(source):
        bundle_encoder.copy(source, target)
        return
    if (source / DESCRIPTION).is_file():
        encoder, config = _encoder_of_bundle(source)
        save(config, target / CONFIG)
        save_tensors(encoder.state_dict(), target / WEIGHTS)
        return
    for name in (CONFIG, WEIGHTS):
        if (source / name).resolve() != (target / name).resolve():
            shutil.copyfile(source / name, target / name)


def _is_graph(folder: Path) -> bool:
    """Whether only the graph of an encoder is there, or differs from the weights, as int8 does."""
    if (folder / bundle_encoder.SPEC).is_file():
        return True
    if not (folder / DESCRIPTION).is_file():
        return False
    return not (folder / BUNDLE_WEIGHTS).is_file() or describe(folder).encoder.precision != "fp32"


def _encoder_of_bundle(folder: Path) -> tuple[Encoder, EncoderConfig]:
    from safetensors import safe_open

    spec = read(folder)
    path = folder / BUNDLE_WEIGHTS
    config = msgspec.convert(renamed(spec.training["encoder"]), EncoderConfig, strict=False)
    encoder = build_encoder(config)
    prefix = "encoder."
    with safe_open(path, "pt") as file:
        state = {k.removeprefix(prefix): file.get_tensor(k) for k in file.keys() if k.startswith(prefix)}  # noqa: SIM118
    encoder.load_state_dict(state)
    return encoder.eval(), config
