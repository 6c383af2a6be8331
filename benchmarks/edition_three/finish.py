"""From the last checkpoint to a run that `radscribe train` and `export` read: averaged weights, calibrated.

    python -m benchmarks.edition_three.finish RUNS/e3 RUNS/e3/lite0 RUNS/e3/encoder

Platt scaling of each finding on the validation images of Indiana University and NIH, which count alike. What
the encoder says of every image is kept in `outputs.npz` of the run, for `measure`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.edition_three.encoder import half_logits
from radscribe.evaluation.findings.ranking import auroc
from radscribe.models.encoder import Encoder
from radscribe.training.config import CONFIG, EncoderConfig
from radscribe.training.encoder_run import WEIGHTS, build_encoder

SIZE = 256
PULL = 4.0  # of the scale towards 1, in images


def platt(logits: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Scale and shift of the least weighted cross-entropy, by Newton's method."""
    scale, shift = 1.0, 0.0
    for _ in range(50):
        p = 1 / (1 + np.exp(-(scale * logits + shift)))
        error, curve = weight * (p - truth), weight * p * (1 - p)
        gradient = np.array([(error * logits).sum() + PULL * (scale - 1), error.sum()])
        off = (curve * logits).sum()
        hessian = np.array([[(curve * logits**2).sum() + PULL, off], [off, curve.sum() + 1e-3]])
        step = np.linalg.solve(hessian, gradient)
        scale, shift = scale - step[0], shift - step[1]
    return float(scale), float(shift)


@torch.inference_mode()
def outputs(encoder: Encoder, pixels: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Logits, halves, cells and view of some images."""
    found: dict[str, list[Tensor]] = {"logits": [], "halves": [], "cells": [], "view": []}
    for start in range(0, len(rows), 32):
        x = torch.from_numpy(pixels[rows[start : start + 32]]).float()[:, None] / 255
        x = F.interpolate(x, encoder.image_size, mode="bilinear", antialias=True)
        out = encoder(x.contiguous(memory_format=torch.channels_last))
        found["logits"].append(out.logits)
        found["halves"].append(half_logits(out.maps))
        found["cells"].append(out.maps.half())
        found["view"].append(out.view_logits)
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("trained", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    table = np.load(arguments.data / "table.npz")
    pixels = np.load(arguments.data / "pixels.npy", mmap_mode="r")
    findings = tuple(str(name) for name in table["findings"])
    config = EncoderConfig(
        findings=findings, image_size=SIZE, view_head=True, pooling="odds", dropout=0.2, calibration="platt"
    )
    encoder = build_encoder(config)
    average = torch.load(arguments.trained / "last.pt", map_location="cpu", weights_only=True)["average"]
    state = {name.removeprefix("encoder."): x for name, x in average.items() if name.startswith("encoder.")}
    encoder.load_state_dict(state)
    encoder.eval().to(memory_format=torch.channels_last)
    rows = np.arange(len(pixels))
    found = outputs(encoder, pixels, rows)
    collection, split = table["collection"].astype(str), table["split"].astype(str)
    labels = table["labels"]
    figures = {}
    for f, finding in enumerate(findings):
        known = (split == "val") & ~np.isnan(labels[:, f])
        iu, nih = known & (collection == "iu"), known & np.char.startswith(collection, "nih")
        weight = np.zeros(len(rows))
        for part in (iu, nih):
            if part.any():
                weight[part] = max(iu.sum(), nih.sum()) / part.sum()
        fit = weight > 0
        if labels[fit, f].sum() >= 5:
            scale, shift = platt(found["logits"][fit, f], labels[fit, f], weight[fit])
            encoder.calibration_scale[f], encoder.calibration_shift[f] = scale, shift
        if iu.any() and 5 <= labels[iu, f].sum() < iu.sum() - 5:
            figures[finding] = float(auroc(found["logits"][iu, f], labels[iu, f]))
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.save(encoder.state_dict(), arguments.out / WEIGHTS)
    (arguments.out / CONFIG).write_bytes(msgspec.json.format(msgspec.json.encode(config)))
    validation = {"images": int(((split == "val") & (collection == "iu")).sum()), "auroc": figures}
    (arguments.out / "validation.json").write_text(json.dumps(validation, indent=2))
    scale, shift = encoder.calibration_scale.numpy(), encoder.calibration_shift.numpy()
    found["probabilities"] = 1 / (1 + np.exp(-(found["logits"] * scale + shift)))
    # `maps` were made before calibration
    shape = (1, -1, 1, 1)
    found["cells"] = (found["cells"].astype(np.float32) * scale.reshape(shape) + shift.reshape(shape)).astype(
        np.float16
    )
    np.savez(arguments.out / "outputs.npz", **found)
    print(f"wrote {arguments.out}: mean validation AUROC of IU {np.mean(list(figures.values())):.3f}")


if __name__ == "__main__":
    main()
