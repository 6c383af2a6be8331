"""Train edition three's encoder: all collections, both views, boxes and zones on the finding maps.

    python -m benchmarks.edition_three.encoder RUN RUN/cycle1 --stages 192:5,256:1
    python -m benchmarks.edition_three.encoder RUN RUN/cycle2 --stages 224:7,256:3 --rate 4e-4 --seed 1 \
        --init RUN/cycle1/last.pt

`RUN` holds what `benchmarks.edition_three.images` wrote. Training resumes after each epoch. The images of
the rare findings are drawn more often.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radscribe.evaluation.findings.binary_scores import auroc
from radscribe.models.efficientnet_lite import EfficientNetLite
from radscribe.models.encoder import Encoder, EncoderOutput
from radscribe.training.augment import augment

Array = npt.NDArray[Any]
BATCH = 32
ZONE_ROWS = ((0.08, 0.36), (0.30, 0.60), (0.52, 0.88))  # of the image's height: upper, middle, lower
ZONE_COLUMNS = ((0.05, 0.50), (0.50, 0.95))  # the patient's right is on the left of the image
COLLECTION_WEIGHTS = {
    "iu": 1.0,
    "nih_images": 1.8,
    "nih_images_boxes": 2.0,
    "nih_images64": 1.2,
    "covid": 0.8,
    "jsrt": 1.0,
    "openist": 0.6,
}
WITHOUT_SIDE = ("Normal", "Cardiomegaly", "Scoliosis_or_Degenerative", "Hernia")
FEWEST = {"iu": 30, "nih": 5}  # positive images that a finding needs for an AUROC
LOSS_WEIGHTS = {"labels": 1.0, "view": 0.5, "boxes": 4.0, "zones": 0.3, "sides": 0.3, "teacher": 0.15}


class Net(nn.Module):
    """The encoder, and a head that learns CheXNet's scores and is thrown away after training."""

    def __init__(self, backbone: str, findings: tuple[str, ...], size: int) -> None:
        super().__init__()
        self.encoder = Encoder(backbone, size, findings, dropout=0.2, view_head=True, pooling="odds")
        self.teacher = nn.Linear(self.encoder.channels, 14)

    def forward(self, images: Tensor) -> tuple[EncoderOutput, Tensor]:
        output = self.encoder(images)
        return output, self.teacher(output.pooled)


def box_targets(boxes: list[tuple[str, float, float, float, float]], findings: list[str], side: int) -> Array:
    """Return the share of each cell that the boxes cover, `[F, side, side]`; NaN if no box was drawn."""
    target = np.full((len(findings), side, side), np.nan, np.float32)
    edges = np.arange(side + 1) / side
    for name, x, y, width, height in boxes:
        if name in findings:
            across = np.clip(np.minimum(edges[1:], x + width) - np.maximum(edges[:-1], x), 0, None) * side
            down = np.clip(np.minimum(edges[1:], y + height) - np.maximum(edges[:-1], y), 0, None) * side
            f = findings.index(name)
            target[f] = np.maximum(np.nan_to_num(target[f]), np.outer(down, across))
    return target


def mean_odds(cells: Tensor) -> Tensor:
    """Return the logit of the mean odds of the last dimension's cells."""
    return torch.logsumexp(cells, -1) - math.log(cells.shape[-1])


def half_logits(cells: Tensor) -> Tensor:
    """Return the logits of the patient's right and left half `[N, F, 2]` of maps `[N, F, h, w]`."""
    half = cells.shape[-1] // 2
    halves = torch.stack([cells[..., :half], cells[..., cells.shape[-1] - half :]], 2)
    return mean_odds(halves.flatten(3))


def masked(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the summed cross-entropy of the targets that are known."""
    known = ~targets.isnan()
    return (F.binary_cross_entropy_with_logits(logits, targets.nan_to_num(), reduction="none") * known).sum()


def zone_loss(cells: Tensor, zones: Tensor) -> Tensor:
    """Return the loss of opacity maps `[N, h, w]` on Brixia zones `[N, 6]`, present or absent."""
    side = cells.shape[-1]
    loss = cells.new_zeros(())
    for column, (left, right) in enumerate(ZONE_COLUMNS):
        for row, (top, bottom) in enumerate(ZONE_ROWS):
            rows, columns = (
                slice(round(top * side), round(bottom * side)),
                slice(round(left * side), round(right * side)),
            )
            scores = zones[:, 3 * column + row]
            target = torch.where(scores.isnan(), scores, (scores > 0).float())
            loss = loss + masked(mean_odds(cells[:, rows, columns].flatten(1)), target)
    return loss


class Examples:
    """The training images, and the targets that their collections vouch for."""

    def __init__(self, folder: Path) -> None:
        self.table = dict(np.load(folder / "table.npz"))
        self.pixels: Array = np.load(folder / "pixels.npy", mmap_mode="r")
        self.findings = [str(name) for name in self.table["findings"]]
        self.boxes = [json.loads(text) for text in self.table["boxes"]]
        self.sides = self.table["sides"].copy()
        self.sides[:, [self.findings.index(name) for name in WITHOUT_SIDE]] = np.nan
        self.targets = self.table["labels"]
        collection = self.table["collection"].astype(str)
        self.train = np.flatnonzero((self.table["split"] == "train") & (collection != "hannover"))
        self.chance = self._chance(self.targets[self.train], collection[self.train])

    def _chance(self, labels: Array, collection: Array) -> Array:
        """Probability of each training image in a draw: images of rare findings are drawn more often."""
        boost = np.minimum(3.0, np.sqrt(400 / np.maximum(np.nansum(labels, 0), 1)))  # [F]
        positive = np.nan_to_num(labels) * boost
        positive[:, self.findings.index("Normal")] = 0
        weight = np.maximum(0.6, positive.max(1))
        weight *= np.array([COLLECTION_WEIGHTS[name] for name in collection])
        chance: Array = weight / weight.sum()
        return chance

    def images(self, rows: Array, size: int) -> Tensor:
        """Return images `[N, 1, size, size]` in 0..1."""
        x = torch.from_numpy(self.pixels[rows]).float()[:, None] / 255
        return x if size == x.shape[-1] else F.interpolate(x, size, mode="bilinear", antialias=True)

    def losses(self, net: Net, rows: Array, size: int, mixup: float) -> dict[str, Tensor]:
        """Return the parts of the loss of augmented images, mixed in pairs (Zhang et al., mixup, ICLR 2018).

        A mixed image has the targets of both images, each weighted by its share.
        """
        x = augment(self.images(rows, size * 9 // 8), size)
        share = float(torch.distributions.Beta(mixup, mixup).sample()) if mixup else 1.0
        other = torch.randperm(len(rows))
        x = share * x + (1 - share) * x[other]
        output, scores = net(x.contiguous(memory_format=torch.channels_last))
        first = self._losses(output, scores, rows)
        if share == 1.0:
            return first
        second = self._losses(output, scores, rows[other.numpy()])
        return {name: share * loss + (1 - share) * second[name] for name, loss in first.items()}

    def _losses(self, output: EncoderOutput, scores: Tensor, rows: Array) -> dict[str, Tensor]:
        maps = output.maps
        side = maps.shape[-1]
        cover = torch.from_numpy(np.stack([box_targets(self.boxes[r], self.findings, side) for r in rows]))
        views = torch.from_numpy(self.table["view"][rows])
        assert output.view_logits is not None
        view_loss = F.cross_entropy(output.view_logits, views.clamp(min=0), reduction="none")
        opacity = maps[:, self.findings.index("Opacity")]
        part = {
            "labels": masked(output.logits, torch.from_numpy(self.targets[rows])),
            "view": view_loss[views >= 0].sum(),
            "boxes": masked(maps, cover.clamp(0, 1)) / side**2,
            "zones": zone_loss(opacity, torch.from_numpy(self.table["zones"][rows])),
            "sides": masked(half_logits(maps), torch.from_numpy(self.sides[rows])),
            "teacher": masked(scores, torch.from_numpy(self.table["teacher_iu"][rows])),
        }
        return {name: loss / BATCH for name, loss in part.items()}


def labels_for_measuring(table: Mapping[str, Array]) -> Array:
    """Return labels `[N, F]` that figures compare with: of Indiana University, those of the whole report."""
    labels: Array = np.where((table["collection"] == "iu")[:, None], table["report"], table["labels"])
    return labels


def validate(net: Net, examples: Examples, size: int) -> dict[str, Any]:
    """Return the AUROC of each finding on the validation parts of IU and NIH, and the view accuracy."""
    net.eval()
    table = examples.table
    collection = table["collection"].astype(str)
    result: dict[str, Any] = {}
    for name, where in (("iu", collection == "iu"), ("nih", np.char.startswith(collection, "nih"))):
        rows = np.flatnonzero((table["split"] == "val") & where)
        logits, views = [], []
        with torch.inference_mode():
            for start in range(0, len(rows), BATCH):
                x = examples.images(rows[start : start + BATCH], size)
                output, _ = net(x.contiguous(memory_format=torch.channels_last))
                logits.append(output.logits.numpy())
                views.append(output.view_logits.numpy().argmax(1))
        scores, labels = np.concatenate(logits), labels_for_measuring(table)[rows]
        values = {}
        for f, finding in enumerate(examples.findings[: 14 if name == "nih" else None]):
            known = ~np.isnan(labels[:, f])
            if min(labels[known, f].sum(), (1 - labels[known, f]).sum()) >= FEWEST[name]:
                values[finding] = round(float(auroc(scores[known, f], labels[known, f])), 3)
        result[name] = {"mean": round(float(np.mean(list(values.values()))), 4), **values}
        if name == "iu":
            result["view"] = float((np.concatenate(views) == table["view"][rows]).mean())
    return result


def soup(checkpoints: list[Path]) -> dict[str, Tensor]:
    """Return the mean of the averaged weights of checkpoints (Wortsman et al., Model soups, ICML 2022)."""
    states = [torch.load(path, map_location="cpu", weights_only=True)["average"] for path in checkpoints]
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0).to(tensor.dtype)
        for name, tensor in states[0].items()
    }


def weights(net: Net, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Replace the weights of a net and return those that it had."""
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.load_state_dict(state)
    return before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that benchmarks.edition_three.images wrote")
    parser.add_argument("out", type=Path, help="folder of the run")
    parser.add_argument(
        "--backbone",
        default="efficientnet-lite0",
        help="densenet121 starts from random weights, the others from ImageNet's (%(default)s)",
    )
    parser.add_argument("--stages", default="192:5,256:1", help="pixels:epochs of each stage (%(default)s)")
    parser.add_argument("--rate", type=float, default=6e-4, help="largest learning rate (%(default)s)")
    parser.add_argument("--samples", type=int, default=8000, help="images per epoch (%(default)s)")
    parser.add_argument(
        "--init", type=Path, nargs="+", help="checkpoints whose averaged weights are averaged to start from"
    )
    parser.add_argument("--mixup", type=float, default=0.0, help="parameter of the Beta distribution; 0: off")
    parser.add_argument("--decay", type=float, default=2e-2, help="weight decay (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    torch.manual_seed(options.seed)
    examples = Examples(options.data)
    stages = [tuple(map(int, stage.split(":"))) for stage in options.stages.split(",")]
    sizes = [size for size, epochs in stages for _ in range(epochs)]
    steps = options.samples // BATCH
    net = Net(options.backbone, tuple(examples.findings), sizes[-1])
    if options.init:
        net.load_state_dict(soup(options.init))
    else:
        if isinstance(net.encoder.backbone, EfficientNetLite):
            net.encoder.backbone.load_state_dict(net.encoder.backbone.imagenet_state())
        share = torch.tensor(np.nanmean(examples.table["labels"][examples.train], 0)).float()
        with torch.no_grad():
            net.encoder.classifier.weight.mul_(0.1)
            net.encoder.classifier.bias.copy_(torch.logit(share.clamp(1e-3, 0.9)))
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    decayed = [p for p in net.parameters() if p.ndim > 1]
    plain = [p for p in net.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": options.decay}, {"params": plain, "weight_decay": 0.0}],
        lr=options.rate,
    )
    average = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    start, last = 0, options.out / "last.pt"
    if last.exists():
        saved = torch.load(last, map_location="cpu", weights_only=True)
        net.load_state_dict(saved["net"])
        average, start = saved["average"], saved["epoch"]
        optimiser.load_state_dict(saved["optimiser"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.rate, total_steps=steps * len(sizes), pct_start=0.12
    )
    if start:
        done = {"last_epoch": start * steps - 1, "_step_count": start * steps}
        schedule.load_state_dict(schedule.state_dict() | done)
        schedule.step()
    for epoch in range(start, len(sizes)):
        torch.manual_seed(options.seed * 1000 + epoch)
        rng = np.random.default_rng(options.seed * 1000 + epoch)
        drawn = rng.choice(examples.train, steps * BATCH, p=examples.chance)
        net.train()
        began = time.monotonic()
        total: dict[str, float] = dict.fromkeys(LOSS_WEIGHTS, 0.0)
        for step in range(steps):
            batch = np.sort(drawn[step * BATCH : (step + 1) * BATCH])
            losses = examples.losses(net, batch, sizes[epoch], options.mixup)
            loss = torch.stack([LOSS_WEIGHTS[name] * part for name, part in losses.items()]).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            n = epoch * steps + step
            with torch.no_grad():
                for name, tensor in net.state_dict().items():
                    if tensor.is_floating_point():
                        average[name].lerp_(tensor, 1 - min(0.998, (1 + n) / (10 + n)))
                    else:
                        average[name].copy_(tensor)
            total = {name: value + float(losses[name].detach()) / steps for name, value in total.items()}
        line: dict[str, Any] = {"epoch": epoch, "size": sizes[epoch]}
        line |= {"seconds": round(time.monotonic() - began)} | {k: round(v, 4) for k, v in total.items()}
        state = {
            "net": net.state_dict(),
            "average": average,
            "optimiser": optimiser.state_dict(),
            "epoch": epoch + 1,
        }
        torch.save(state, last.with_suffix(".tmp"))
        last.with_suffix(".tmp").replace(last)
        if epoch % 2 or epoch == len(sizes) - 1:
            before = weights(net, average)
            line |= validate(net, examples, sizes[epoch])
            weights(net, before)
        with (options.out / "log.jsonl").open("a") as log:
            print(json.dumps(line), file=log)
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
