"""Validation loss of a trained head and of low-rank adapters, on a random checkpoint in the Hub's layout.

    radscribe prepare iu-kaggle downloads/iu --out data/iu --drop-missing
    python -m benchmarks.foundation.adapters data/iu [--studies N] [--epochs E]

Writes a small DINOv2 with random weights, trains an encoder on it frozen and with adapters of rank 8, from
the same data, seed and learning rate, and prints the best validation loss of each. Random weights prove the
machinery: adapters change the network, and are merged. They do not show what a pretrained network gains.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import torch

from radscribe.data.manifest import Manifest, write
from radscribe.data.study import Study
from radscribe.training.config import EncoderConfig
from radscribe.training.train_encoder import train_encoder

SIZE = {"hidden_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4, "image_size": 112}
FINDINGS = ("Atelectasis", "Cardiomegaly", "Effusion", "Opacity", "Scoliosis_or_Degenerative")
CHOICES: dict[str, dict[str, int | bool]] = {
    "frozen, head only": {"frozen": True},
    "LoRA, rank 8": {"lora": 8},
}


def write_checkpoint(folder: Path) -> None:
    """Write a small DINOv2 with random weights."""
    import transformers

    torch.manual_seed(0)
    settings: dict[str, Any] = {**SIZE, "mlp_ratio": 2, "patch_size": 14}
    transformers.Dinov2Model(transformers.Dinov2Config(**settings)).save_pretrained(folder)
    processor = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "size": {"height": 112}}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


def subset(data: Path, folder: Path, count: int) -> None:
    """Write a manifest of the frontal image of some studies of the train and val parts."""
    manifest = Manifest(data)
    chosen: list[Study] = []
    for part, share in (("train", count), ("val", count // 3)):
        studies = list(manifest.split(part, with_images=True))  # type: ignore[arg-type]
        random.Random(0).shuffle(studies)
        chosen += studies[:share]
    header = msgspec.structs.replace(manifest.header, root=str(manifest.root.resolve()))
    write(folder, header, chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    print("| training | trained weights | best val_loss | epoch | seconds |")
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_checkpoint(folder / "dinov2")
        subset(arguments.data, folder / "data", arguments.studies)
        for name, options in CHOICES.items():
            out = folder / name.split(",")[0]
            began = time.monotonic()
            config = EncoderConfig(
                backbone=f"hf:{folder / 'dinov2'}",
                backbone_options=options,
                image_size=112,
                findings=FINDINGS,
                epochs=arguments.epochs,
                learning_rate=3e-3,
                average_decay=0.0,
                dropout=0.0,
                monitor="val_loss",
                mode="min",
            )
            train_encoder(folder / "data", out, config)
            with (out / "log" / "metrics.csv").open() as file:
                rows = [row for row in csv.DictReader(file) if row.get("val_loss")]
            best = min(rows, key=lambda row: float(row["val_loss"]))
            trained = trained_weights(options)
            print(
                f"| {name} | {trained:,} | {float(best['val_loss']):.4f} | {best['epoch']} "
                f"| {time.monotonic() - began:.0f} |",
                flush=True,
            )


def trained_weights(options: dict[str, int | bool]) -> int:
    """Weights that training changes: the head, and the adapters of every linear layer."""
    width = SIZE["hidden_size"]
    head = (width + 1) * len(FINDINGS)
    # Of each layer: query, key, value, output, and the two of the MLP, which is twice as wide.
    per_rank = SIZE["num_hidden_layers"] * (4 * 2 * width + 2 * 3 * width)
    return head + int(options.get("lora", 0)) * per_rank


if __name__ == "__main__":
    main()
