"""Edition three's encoder: all collections, both views, boxes and zones on the finding maps.

    python -m benchmarks.edition_three.encoder RUNS/e3 RUNS/e3/lite0 [--stages 192:8,256:4]

An image's odds of a finding are the mean of its cells' odds (log-mean-exp pooling; Wang et al., ChestX-ray8,
CVPR 2017, with r = 1), so that a small finding need not fill the map. Resumes after each epoch.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radscribe.evaluation.auroc import auroc
from radscribe.labels import CHESTXRAY14
from radscribe.models.efficientnet_lite import imagenet_state
from radscribe.models.encoder import Encoder
from radscribe.training.augment import augment

BATCH = 32
ZONE_ROWS = ((0.08, 0.36), (0.30, 0.60), (0.52, 0.88))  # of the image's height: upper, middle, lower
ZONE_COLUMNS = ((0.05, 0.50), (0.50, 0.95))  # patient's right is the picture's left


class Net(nn.Module):
    """The encoder with log-mean-exp pooling, and two heads for teachers that are thrown away."""

    def __init__(self, findings: tuple[str, ...], size: int) -> None:
        super().__init__()
        self.encoder = Encoder("efficientnet-lite0", size, findings, 0.0, view_head=True)
        self.teacher = nn.Linear(self.encoder.channels, 14)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        grid = F.dropout2d(self.encoder.grid(x), 0.2, self.training)  # [N, C, h, w]
        head = self.encoder.classifier
        cells = torch.einsum("nchw,fc->nfhw", grid, head.weight) + head.bias.view(1, -1, 1, 1)
        flat = cells.flatten(2)
        logits = torch.logsumexp(flat, 2) - math.log(flat.shape[2])
        pooled = grid.mean((2, 3))
        assert self.encoder.view_classifier is not None
        return logits, cells, self.encoder.view_classifier(pooled), self.teacher(pooled)


def box_targets(boxes: list, findings: list[str], cells: int) -> np.ndarray:
    """Share of each cell that the boxes cover, `[F, cells, cells]`; NaN where no box was drawn."""
    target = np.full((len(findings), cells, cells), np.nan, np.float32)
    edges = np.arange(cells + 1) / cells
    for name, x, y, w, h in boxes:
        if name not in findings:
            continue
        f = findings.index(name)
        cover_x = np.clip(np.minimum(edges[1:], x + w) - np.maximum(edges[:-1], x), 0, None) * cells
        cover_y = np.clip(np.minimum(edges[1:], y + h) - np.maximum(edges[:-1], y), 0, None) * cells
        both = np.outer(cover_y, cover_x)
        target[f] = np.maximum(np.nan_to_num(target[f]), both)
    return target


def zone_loss(cells: Tensor, zones: Tensor) -> Tensor:
    """Brixia zones: the odds of a zone are the mean of its cells' odds. `cells` is `[N, h, w]`."""
    side = cells.shape[-1]
    losses = []
    for column, (left, right) in enumerate(ZONE_COLUMNS):
        for row, (top, bottom) in enumerate(ZONE_ROWS):
            known = ~zones[:, 3 * column + row].isnan()
            if known.any():
                part = cells[
                    known, round(top * side) : round(bottom * side), round(left * side) : round(right * side)
                ]
                flat = part.flatten(1)
                logit = torch.logsumexp(flat, 1) - math.log(flat.shape[1])
                score = zones[known, 3 * column + row]
                losses.append(F.binary_cross_entropy_with_logits(logit, (score > 0).float(), reduction="sum"))
    return torch.stack(losses).sum() if losses else cells.new_zeros(())


def half_logits(cells: Tensor) -> Tensor:
    """Logits of the patient's right and left `[N, F, 2]`: odds of a half are the mean of its cells' odds."""
    half = cells.shape[-1] // 2
    halves = torch.stack([cells[..., :half], cells[..., cells.shape[-1] - half :]], 2).flatten(
        3
    )  # [N, F, 2, K]
    return torch.logsumexp(halves, 3) - math.log(halves.shape[3])


def masked(logits: Tensor, targets: Tensor) -> Tensor:
    known = ~targets.isnan()
    return (F.binary_cross_entropy_with_logits(logits, targets.nan_to_num(), reduction="none") * known).sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--stages", default="192:8,256:4", help="side:epochs of each stage")
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--samples", type=int, default=8000, help="images per epoch")
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    t = np.load(a.data / "table.npz")
    pixels = np.load(a.data / "pixels.npy", mmap_mode="r")
    findings = [str(f) for f in t["findings"]]
    labels, split, collection = t["labels"].copy(), t["split"], t["collection"].astype(str)
    boxes = [json.loads(b) for b in t["boxes"]]
    views, zones, sides = t["view"], t["zones"], t["sides"].copy()
    for finding in ("Normal", "Cardiomegaly", "Scoliosis_or_Degenerative", "Hernia"):  # have no side
        sides[:, findings.index(finding)] = np.nan
    teacher_nih, teacher_iu = t["teacher_nih"], t["teacher_iu"]
    targets = labels.copy()
    mix = ~np.isnan(teacher_nih)
    targets[:, :14] = np.where(
        mix, 0.5 * np.nan_to_num(labels[:, :14]) + 0.5 * np.nan_to_num(teacher_nih), labels[:, :14]
    )

    train = np.flatnonzero((split == "train") & (collection != "hannover"))
    counts = np.nansum(labels[train], 0)
    boost = np.minimum(3.0, np.sqrt(400 / np.maximum(counts, 1)))  # [F]
    positive = np.nan_to_num(labels[train]) * boost
    positive[:, findings.index("Normal")] = 0
    weight = np.maximum(0.6, positive.max(1))
    factor = {
        "iu": 1.0,
        "nih_images": 1.8,
        "nih_images_boxes": 2.0,
        "nih_images64": 1.2,
        "covid": 0.8,
        "jsrt": 1.0,
        "openist": 0.6,
    }
    weight *= np.array([factor[c] for c in collection[train]])

    stages = [(int(s.split(":")[0]), int(s.split(":")[1])) for s in a.stages.split(",")]
    sizes = [size for size, epochs in stages for _ in range(epochs)]
    steps = a.samples // BATCH
    torch.manual_seed(a.seed)
    net = Net(tuple(findings), sizes[-1])
    net.encoder.backbone.load_state_dict(imagenet_state())
    with torch.no_grad():
        net.encoder.classifier.weight.mul_(0.1)
        net.encoder.classifier.bias.copy_(
            torch.logit(torch.tensor(np.nanmean(labels[train], 0)).float().clamp(1e-3, 0.9))
        )
    net.to(memory_format=torch.channels_last)
    average = {k: v.clone() for k, v in net.state_dict().items()}
    decay, no_decay = (
        [p for p in net.parameters() if p.ndim > 1],
        [p for p in net.parameters() if p.ndim <= 1],
    )
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 2e-2}, {"params": no_decay, "weight_decay": 0.0}], lr=a.rate
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, a.rate, total_steps=steps * len(sizes), pct_start=0.12
    )
    start = 0
    last = a.out / "last.pt"
    if last.exists():
        saved = torch.load(last, map_location="cpu", weights_only=True)
        net.load_state_dict(saved["net"])
        average = saved["average"]
        start = saved["epoch"]
        optimiser.load_state_dict(saved["optimiser"])
        for group in optimiser.param_groups:
            group.pop("initial_lr", None)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, a.rate, total_steps=steps * len(sizes), pct_start=0.12
        )
        schedule.load_state_dict(
            schedule.state_dict() | {"last_epoch": start * steps - 1, "_step_count": start * steps}
        )
        schedule.step()
    log = (a.out / "log.jsonl").open("a")
    opacity = findings.index("Opacity")
    for epoch in range(start, len(sizes)):
        size = sizes[epoch]
        torch.manual_seed(a.seed * 1000 + epoch)
        rng = np.random.default_rng(a.seed * 1000 + epoch)
        drawn = train[rng.choice(len(train), steps * BATCH, p=weight / weight.sum())]
        net.train()
        began = time.time()
        total = np.zeros(5)
        for step in range(steps):
            rows = np.sort(drawn[step * BATCH : (step + 1) * BATCH])
            x = torch.from_numpy(pixels[rows]).float()[:, None] / 255
            if size < 256:
                x = F.interpolate(x, size * 9 // 8, mode="bilinear", antialias=True)
            x = augment(x, size).contiguous(memory_format=torch.channels_last)
            logits, cells, view, aux = net(x)
            y = torch.from_numpy(targets[rows])
            loss = masked(logits, y) / BATCH
            seen = torch.from_numpy(views[rows])
            view_loss = F.cross_entropy(view, seen.clamp(min=0), reduction="none")[seen >= 0].sum() / BATCH
            side = cells.shape[-1]
            cover = torch.from_numpy(np.stack([box_targets(boxes[r], findings, side) for r in rows]))
            known = ~cover.isnan()
            box = (
                (
                    F.binary_cross_entropy_with_logits(
                        cells, cover.nan_to_num().clamp(0, 1), reduction="none"
                    )
                    * known
                ).sum()
                / BATCH
                / side**2
            )
            zone = zone_loss(cells[:, opacity], torch.from_numpy(zones[rows])) / BATCH
            side_loss = masked(half_logits(cells), torch.from_numpy(sides[rows])) / BATCH
            teach = masked(aux, torch.from_numpy(teacher_iu[rows])) / BATCH
            (loss + 0.5 * view_loss + 4.0 * box + 0.3 * zone + 0.3 * side_loss + 0.15 * teach).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            n = epoch * steps + step
            d = min(0.998, (1 + n) / (10 + n))
            with torch.no_grad():
                for k, v in net.state_dict().items():
                    if v.is_floating_point():
                        average[k].lerp_(v, 1 - d)
                    else:
                        average[k].copy_(v)
            total += [float(part.detach()) for part in (loss, view_loss, box, zone, side_loss)]
        torch.save(
            {
                "net": net.state_dict(),
                "average": average,
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
                "epoch": epoch + 1,
            },
            last.with_suffix(".tmp"),
        )
        last.with_suffix(".tmp").replace(last)
        line = {
            "epoch": epoch,
            "size": size,
            "seconds": round(time.time() - began),
            "losses": (total / steps).round(4).tolist(),
        }
        if epoch % 2 == 1 or epoch == len(sizes) - 1:
            line |= validate(net, average, pixels, t, findings, size)
        print(json.dumps(line), file=log, flush=True)
        print(json.dumps(line), flush=True)


def predict(net: Net, pixels: np.ndarray, rows: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """Logits, cells and views of some images."""
    net.eval()
    out: dict[str, list[np.ndarray]] = {"logits": [], "cells": [], "view": []}
    with torch.inference_mode():
        for i in range(0, len(rows), 32):
            x = torch.from_numpy(pixels[rows[i : i + 32]]).float()[:, None] / 255
            x = F.interpolate(x, size, mode="bilinear", antialias=True).contiguous(
                memory_format=torch.channels_last
            )
            logits, cells, view, _ = net(x)
            out["logits"].append(logits.numpy())
            out["cells"].append(cells.numpy())
            out["view"].append(view.numpy())
    return {k: np.concatenate(v) for k, v in out.items()}


def validate(net: Net, average: dict, pixels: np.ndarray, t: dict, findings: list[str], size: int) -> dict:
    """Mean AUROC on the validation parts, with averaged weights."""
    now = {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(average)
    split, collection, view = t["split"], t["collection"].astype(str), t["view"]
    result: dict = {}
    for name, where in (("iu", collection == "iu"), ("nih", np.char.startswith(collection, "nih"))):
        rows = np.flatnonzero((split == "val") & where)
        out = predict(net, pixels, rows, size)
        y = t["labels"][rows]
        values = {}
        for f, finding in enumerate(findings):
            known = ~np.isnan(y[:, f])
            if name == "nih" and f >= 14:
                continue
            if y[known, f].sum() >= 5 and (1 - y[known, f]).sum() >= 5:
                values[finding] = round(float(auroc(out["logits"][known, f], y[known, f])), 3)
        result[name] = {"mean": round(float(np.mean(list(values.values()))), 4), **values}
        if name == "iu":
            result["view"] = float((out["view"].argmax(1) == view[rows]).mean())
    net.load_state_dict(now)
    return result


if __name__ == "__main__":
    main()
