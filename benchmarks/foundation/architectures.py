"""Every architecture of the Hub at a published size, with random weights: parameters, parity, int8, speed.

    python -m benchmarks.foundation.architectures [NAME...]

Exports each encoder, compares onnxruntime with torch, puts the weights in int8 and times one image on one
thread. Random weights show the machinery; what int8 costs a trained encoder, `radscribe export --int8` says.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radscribe.export.bundle import _export_encoder
from radscribe.export.quantise import quantise_weights
from radscribe.models.encoder import Encoder
from radscribe.runtime.onnx_session import open_session

_SMALL = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6}
_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
# Name -> (config.json, side of the image). The sizes are those of published checkpoints.
SHAPES: dict[str, tuple[dict[str, Any], int]] = {
    "ViT-B/16": ({"model_type": "vit", **_BASE, "patch_size": 16}, 224),
    "DeiT-S/16": ({"model_type": "deit", **_SMALL, "intermediate_size": 1536, "patch_size": 16}, 224),
    "DINOv2-S/14": ({"model_type": "dinov2", **_SMALL, "patch_size": 14}, 224),
    "DINOv2-B/14 (RAD-DINO)": ({"model_type": "dinov2", **_BASE, "patch_size": 14}, 518),
    "DINOv2-S/14, 4 registers": (
        {"model_type": "dinov2_with_registers", **_SMALL, "patch_size": 14, "num_register_tokens": 4},
        224,
    ),
    "DINOv3-S/16": (
        {
            "model_type": "dinov3_vit",
            **_SMALL,
            "intermediate_size": 1536,
            "patch_size": 16,
            "num_register_tokens": 4,
        },
        224,
    ),
    "Swin-T": (
        {"model_type": "swin", "embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]},
        224,
    ),
    "ConvNeXt-T": ({"model_type": "convnext"}, 224),
    "ConvNeXtV2-T": (
        {"model_type": "convnextv2", "hidden_sizes": [96, 192, 384, 768], "depths": [3, 3, 9, 3]},
        224,
    ),
}
ROUNDS = 3


def seconds(graph: Path, images: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    """Processor seconds of one image, the least of some rounds, and the outputs."""
    session = open_session(graph, 1)
    names = ["grid", "probabilities"]
    best = float("inf")
    for _ in range(ROUNDS + 1):
        began = time.process_time()
        found = session.run(names, {"images": images})
        best = min(best, time.process_time() - began)
    return best, dict(zip(names, found, strict=True))


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("| architecture | image | grid | parameters | parity | fp32, ms | int8, ms | int8 size | error |")
    print("|---|---:|---|---:|---:|---:|---:|---:|---:|")
    for name in sys.argv[1:] or SHAPES:
        config, size = SHAPES[name]
        torch.manual_seed(0)
        architecture = {"config": config, "mean": [0.5] * 3, "std": [0.25] * 3}
        encoder = Encoder("hf:random", size, architecture=architecture).eval()
        count = sum(parameter.numel() for parameter in encoder.backbone.parameters())
        images = torch.rand(1, 1, size, size)
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            graph, small = Path(folder) / "encoder.onnx", Path(folder) / "int8.onnx"
            _export_encoder(encoder, graph)
            quantise_weights(graph, small)
            expected = encoder(images).grid.numpy()
            time_float, found = seconds(graph, images.numpy())
            time_int8, rounded = seconds(small, images.numpy())
            sizes = small.stat().st_size / graph.stat().st_size
        parity = np.abs(found["grid"] - expected).max()
        error = np.abs(rounded["grid"] - expected).mean() / np.abs(expected).mean()
        side = size // encoder.stride
        print(
            f"| {name} | {size} | {encoder.channels} x {side} x {side} | {count / 1e6:.1f} M | {parity:.1e} "
            f"| {1000 * time_float:.0f} | {1000 * time_int8:.0f} | {sizes:.0%} | {error:.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
