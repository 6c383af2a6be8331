"""Make an encoder run of a checkpoint: averaged weights, heads for finer findings, calibrated.

    python -m benchmarks.edition_three.finish RUN RUN/iu RUN/encoder RUN/cycle3/last.pt

`radscribe train` and `radscribe export` read the result. The finer findings of `radscribe.text.details` (a
tortuous aorta, low lung volumes, ...) get heads of their own on the frozen grid, if validation can tell them.
Platt scaling is fitted on the validation images of Indiana University and NIH, which count alike; Indiana's
labels are those of the whole report. `outputs.npz` keeps the outputs of every image for `measure`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.edition_three.encoder import half_logits, labels_for_measuring, masked, soup
from benchmarks.edition_three.images import FINDINGS
from radscribe.data.manifest import Manifest
from radscribe.evaluation.findings.binary_scores import auroc
from radscribe.models.encoder import Encoder
from radscribe.text.details import DETAILS, label_details
from radscribe.training.calibration import fit_platt
from radscribe.training.config import CONFIG, EncoderConfig
from radscribe.training.encoder_run import WEIGHTS, build_encoder

Array = npt.NDArray[Any]
SIZE = 256
FEWEST = 8  # positives that a finer finding needs in the validation part
LOWEST = 0.65  # AUROC that it needs there
EPOCHS, BATCH, RATE, DECAY = 20, 64, 1e-3, 0.3


def finer_labels(manifest: Path, studies: Array, names: tuple[str, ...]) -> Array:
    """Return labels `[N, D]` of the finer findings by the report; NaN without a report or if unsure."""
    value = {"present": 1.0, "absent": 0.0, "uncertain": np.nan}
    said = {study.id: label_details(study.text()) for study in Manifest(manifest)}
    rows = [[value[said[s].get(name, "absent")] if s in said else np.nan for name in names] for s in studies]
    return np.array(rows, np.float32)


@torch.inference_mode()
def grids(encoder: Encoder, pixels: Array, rows: Array) -> Tensor:
    """Return the grids of images, float16 `[N, C, h, w]`."""
    found = []
    for start in range(0, len(rows), 32):
        x = torch.from_numpy(pixels[rows[start : start + 32]]).float()[:, None] / 255
        x = F.interpolate(x, SIZE, mode="bilinear", antialias=True)
        found.append(encoder.grid(x.contiguous(memory_format=torch.channels_last)).half())
    return torch.cat(found)


def learn_head(encoder: Encoder, grid: Tensor, rows: Array, labels: Array) -> None:
    """Learn the classifier's rows of findings `[N, D]`, the last D, on the grids of some images."""
    torch.manual_seed(0)
    count = labels.shape[1]
    prevalence = torch.tensor(np.nanmean(labels[rows], 0)).clamp(1e-3, 0.5)
    weight = nn.Parameter(torch.zeros(count, encoder.channels))
    bias = nn.Parameter(torch.logit(prevalence))
    groups: list[dict[str, Any]] = [
        {"params": [weight], "weight_decay": DECAY},
        {"params": [bias], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=RATE)
    steps = EPOCHS * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in np.array_split(np.random.default_rng(0).permutation(rows), steps // EPOCHS):
            x = F.dropout2d(grid[batch].float(), 0.3)
            cells = torch.einsum("nchw,fc->nfhw", x, weight).flatten(2) + bias.view(1, -1, 1)
            logits = torch.logsumexp(cells, 2) - np.log(cells.shape[2])
            loss = masked(logits, torch.from_numpy(labels[batch])) / len(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
    with torch.no_grad():
        encoder.classifier.weight[-count:] = weight
        encoder.classifier.bias[-count:] = bias


@torch.inference_mode()
def outputs(encoder: Encoder, grid: Tensor) -> dict[str, Array]:
    """Return logits, the halves' logits, the maps and the views of images from their grids."""
    found: dict[str, list[Tensor]] = {"logits": [], "halves": [], "cells": [], "view": []}
    for part in torch.split(grid, 256):
        output = encoder.head(part.float())
        found["logits"].append(output.logits)
        found["halves"].append(half_logits(output.maps))
        found["cells"].append(output.maps.half())
        assert output.view_logits is not None
        found["view"].append(output.view_logits.argmax(1))
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def with_averaged_weights(trained: list[Path], findings: tuple[str, ...]) -> tuple[Encoder, EncoderConfig]:
    """Return an encoder of more findings than a checkpoint's; the further ones have random heads."""
    state = {name.removeprefix("encoder."): tensor for name, tensor in soup(trained).items()}
    state = {name: tensor for name, tensor in state.items() if not name.startswith("teacher.")}
    config = EncoderConfig(
        findings=findings, image_size=SIZE, view_head=True, pooling="odds", dropout=0.2, calibration="platt"
    )
    encoder = build_encoder(config)
    for name, tensor in encoder.state_dict().items():
        if name in state and tensor.shape != state[name].shape:
            state[name] = torch.cat([state[name], tensor[len(state[name]) :]])
    encoder.load_state_dict(state)
    encoder.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return encoder, config


def areas(logits: Array, labels: Array, names: tuple[str, ...], fewest: int = 5) -> dict[str, float]:
    """Return the AUROC of each finding with enough positives and negatives."""
    found = {}
    for f, name in enumerate(names):
        known = ~np.isnan(labels[:, f])
        if min(labels[known, f].sum(), (1 - labels[known, f]).sum()) >= fewest:
            found[name] = float(auroc(logits[known, f], labels[known, f]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that benchmarks.edition_three.images wrote")
    parser.add_argument("iu", type=Path, help="manifest of all Indiana University studies")
    parser.add_argument("out", type=Path)
    parser.add_argument("trained", type=Path, nargs="+", help="checkpoints of the encoder, to be averaged")
    options = parser.parse_args()
    table = dict(np.load(options.data / "table.npz"))
    pixels = np.load(options.data / "pixels.npy", mmap_mode="r")
    split, collection = table["split"].astype(str), table["collection"].astype(str)
    iu, nih = collection == "iu", np.char.startswith(collection, "nih")
    names = tuple(name for name in DETAILS if name not in FINDINGS)
    finer = finer_labels(options.iu, table["study"].astype(str), names)
    finer[~iu] = np.nan
    encoder, config = with_averaged_weights(options.trained, (*FINDINGS, *names))
    grid = grids(encoder, pixels, np.arange(len(pixels)))
    learn_head(encoder, grid, np.flatnonzero(iu & (split == "train")), finer)
    found = outputs(encoder, grid)
    labels = np.concatenate([labels_for_measuring(table), finer], 1)
    validation = areas(
        found["logits"][iu & (split == "val")], labels[iu & (split == "val")], encoder.findings
    )
    print("finer findings:", {name: round(validation.get(name, np.nan), 3) for name in names})
    kept = [
        f
        for f, name in enumerate(encoder.findings)
        if name in FINDINGS
        or (
            validation.get(name, 0.0) >= LOWEST
            and np.nansum(finer[split == "val", names.index(name)]) >= FEWEST
        )
    ]
    config = msgspec.structs.replace(config, findings=tuple(encoder.findings[f] for f in kept))
    state = encoder.state_dict()
    for name in ("classifier.weight", "classifier.bias", "calibration_scale", "calibration_shift"):
        state[name] = state[name][kept]
    encoder = build_encoder(config)
    encoder.load_state_dict(state)
    found |= {name: found[name][:, kept] for name in ("logits", "halves", "cells")}
    labels = labels[:, kept]
    rows = [np.flatnonzero((split == "val") & part) for part in (iu, nih)]
    fit = np.concatenate([np.repeat(r, max(1, round(len(rows[0]) / len(r)))) for r in rows])
    scale, shift = fit_platt(torch.from_numpy(found["logits"][fit]), torch.from_numpy(labels[fit]))
    encoder.calibration_scale.copy_(scale)
    encoder.calibration_shift.copy_(shift)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.save(encoder.state_dict(), options.out / WEIGHTS)
    (options.out / CONFIG).write_bytes(msgspec.json.format(msgspec.json.encode(config)))
    part = iu & (split == "val")
    validation = areas(found["logits"][part], labels[part], encoder.findings)
    report = {"images": int(part.sum()), "auroc": validation}
    (options.out / "validation.json").write_text(json.dumps(report, indent=2))
    found["probabilities"] = torch.sigmoid(torch.from_numpy(found["logits"]) * scale + shift).numpy()
    cells = found["cells"].astype(np.float32) * scale.numpy()[:, None, None] + shift.numpy()[:, None, None]
    found["cells"] = cells.astype(np.float16)
    np.savez(options.out / "outputs.npz", allow_pickle=False, **found)
    mean = np.mean(list(validation.values()))
    print(f"wrote {options.out}: {len(kept)} findings, mean AUROC {mean:.3f} on IU's validation part")


if __name__ == "__main__":
    main()
