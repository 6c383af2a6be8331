"""Backbones of `transformers`: ViT, DINOv2, DINOv3, Swin and ConvNeXt as a grid of features.

Dosovitskiy et al., ICLR 2021; Oquab et al., DINOv2, 2023; Liu et al., Swin, ICCV 2021; Liu et al., ConvNeXt,
CVPR 2022. Patch tokens become the grid; class and register tokens are left out, as the encoder pools it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radscribe.errors import RadscribeError, UsageError, WeightsError

POSITIONS = "embeddings.position_embeddings"


class _Kind(NamedTuple):
    """How the network of one `model_type` gives its grid."""

    model: str  # name of its class in transformers
    config: str
    layout: str  # "tokens", "windows" (tokens without a class token) or "planes"
    pools: bool = False  # it takes add_pooling_layer


KINDS: dict[str, _Kind] = {
    "vit": _Kind("ViTModel", "ViTConfig", "tokens", True),
    "deit": _Kind("DeiTModel", "DeiTConfig", "tokens", True),
    "dinov2": _Kind("Dinov2Model", "Dinov2Config", "tokens"),
    "dinov2_with_registers": _Kind("Dinov2WithRegistersModel", "Dinov2WithRegistersConfig", "tokens"),
    "dinov3_vit": _Kind("DINOv3ViTModel", "DINOv3ViTConfig", "tokens"),
    "swin": _Kind("SwinModel", "SwinConfig", "windows", True),
    "convnext": _Kind("ConvNextModel", "ConvNextConfig", "planes"),
    "convnextv2": _Kind("ConvNextV2Model", "ConvNextV2Config", "planes"),
}


class HubBackbone(nn.Module):
    """Images to a feature grid: `[N, C, H, W]` → `[N, channels, H/stride, W/stride]`.

    Parameters
    ----------
    architecture : dict
        `config`, the checkpoint's `config.json`; `mean` and `std` of its input for grey values in 0..1.
    image_size : int
        Side of the input in pixels. Position embeddings have one place for each of its patches.
    frozen : bool
        Do not train it.
    lora : int
        Rank of the low-rank adapters that are trained instead of the weights; 0 trains the weights.

    Raises
    ------
    UsageError
        The architecture is not one of `KINDS`, or the size does not divide into patches.
    """

    float_convolutions = 0

    def __init__(
        self, architecture: Mapping[str, Any], image_size: int, frozen: bool = False, lora: int = 0
    ) -> None:
        super().__init__()
        if frozen and lora:
            raise UsageError("frozen and lora exclude each other", remedy="leave one of them out")
        self.frozen, self.lora = frozen, lora
        self.mean, self.std = tuple(architecture["mean"]), tuple(architecture["std"])
        self.config = dict(architecture["config"])
        kind = kind_of(self.config)
        self.layout = kind.layout
        self.network = _build(kind, {**self.config, "image_size": image_size})
        config: Any = self.network.config
        self.stride = int(config.patch_size)
        if self.layout == "tokens":
            self.channels = int(config.hidden_size)
            # The class token; registers in DINO, a distillation token in DeiT.
            self.before = 1 + int(getattr(config, "num_register_tokens", 0) or 0)
            self.before += self.config["model_type"] == "deit"
        else:
            stages = len(config.depths)
            self.stride *= 2 ** (stages - 1)
            self.channels = int(
                config.hidden_sizes[-1] if self.layout == "planes" else config.embed_dim * 2 ** (stages - 1)
            )

    def forward(self, x: Tensor) -> Tensor:
        tokens: Tensor = self.network(x).last_hidden_state
        if self.layout == "planes":  # [N, C, h, w]; the published head normalises after pooling
            norm: Any = self.network.layernorm
            return norm(tokens.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # type: ignore[no-any-return]
        if self.layout == "tokens":
            tokens = tokens[:, self.before :]  # [N, h * w, C]
        rows, columns = x.shape[2] // self.stride, x.shape[3] // self.stride
        return tokens.transpose(1, 2).reshape(x.shape[0], self.channels, rows, columns)

    def train(self, mode: bool = True) -> HubBackbone:
        return super().train(mode and not self.frozen)

    def take_weights(self, folder: Path, name: str) -> None:
        """Take the weights of a checkpoint; position embeddings are interpolated to this size.

        Raises
        ------
        WeightsError
            The weights do not fit the architecture whole.
        """
        model, told = _load(kind_of(self.config), folder, name)
        if missing := sorted(told["missing_keys"]):
            raise WeightsError(
                f"lacks {len(missing)} tensors of its architecture, such as {missing[0]}",
                subject=name,
                remedy="use a checkpoint of the whole network",
            )
        state: dict[str, Tensor] = model.state_dict()
        mine = self.network.state_dict()
        if POSITIONS in mine and state[POSITIONS].shape != mine[POSITIONS].shape:
            before = {"windows": 0}.get(self.layout, 1 + (self.config["model_type"] == "deit"))
            state[POSITIONS] = interpolated(state[POSITIONS], mine[POSITIONS].shape[1], before)
        try:
            self.network.load_state_dict(state)
        except RuntimeError as error:
            raise WeightsError(
                f"does not fit its config.json: {error}", subject=name, remedy="use another checkpoint"
            ) from error


def kind_of(config: Mapping[str, Any]) -> _Kind:
    """Return how a checkpoint's network gives its grid; raises `UsageError`."""
    name = str(config.get("model_type"))
    if name not in KINDS:
        raise UsageError(
            f"no backbone of the architecture {name!r}", remedy=f"use a checkpoint of {', '.join(KINDS)}"
        )
    return KINDS[name]


def interpolated(positions: Tensor, length: int, before: int) -> Tensor:
    """Position embeddings of a square of patches, for a square of another number of them.

    Parameters
    ----------
    positions : Tensor
        `[1, before + n, D]`.
    length : int
        Number of places in the result.
    before : int
        Number of tokens before the patches, whose embeddings stay.

    Raises
    ------
    WeightsError
        Either is not a square.
    """
    old, new = math.isqrt(positions.shape[1] - before), math.isqrt(length - before)
    if old * old + before != positions.shape[1] or new * new + before != length:
        raise WeightsError(
            "has position embeddings that do not form a square", remedy="use the checkpoint's own size"
        )
    patches = positions[:, before:].reshape(1, old, old, -1).permute(0, 3, 1, 2)
    patches = F.interpolate(patches, size=(new, new), mode="bicubic", align_corners=False)
    return torch.cat([positions[:, :before], patches.flatten(2).transpose(1, 2)], dim=1)


def _class(name: str) -> Callable[..., Any]:
    # Its progress bars and advice are not for users.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        import transformers
    except ImportError as error:
        raise RadscribeError(
            "backbones of the Hub need transformers",
            remedy='run: pip install ".[train,hf]" in the checkout',
        ) from error
    talk: Any = transformers.utils.logging
    talk.set_verbosity_error()
    talk.disable_progress_bar()
    if not hasattr(transformers, name):
        raise RadscribeError(
            f"transformers {transformers.__version__} has no {name}", remedy="install a newer transformers"
        )
    found: Callable[..., Any] = getattr(transformers, name)
    return found


def _build(kind: _Kind, config: dict[str, Any]) -> nn.Module:
    try:
        made = _class(kind.config)(**config)
    except (TypeError, ValueError) as error:
        raise UsageError(f"config.json: {error}", remedy="use another checkpoint") from error
    made._attn_implementation = "eager"  # plain matrix products, which every runtime computes
    pooling = {"add_pooling_layer": False} if kind.pools else {}
    network: nn.Module = _class(kind.model)(made, **pooling)
    return network


def _load(kind: _Kind, folder: Path, name: str) -> tuple[nn.Module, dict[str, Any]]:
    pooling = {"add_pooling_layer": False} if kind.pools else {}
    load: Any = _class(kind.model)
    try:
        found: tuple[nn.Module, dict[str, Any]] = load.from_pretrained(
            str(folder),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            dtype=torch.float32,
            **pooling,
        )
    except Exception as error:  # the library has no error class for damaged files
        line = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsError(f"cannot be loaded: {line[0]}", subject=name, remedy="fetch it again") from error
    return found
