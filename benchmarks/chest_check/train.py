"""Train the chest check and write its graph and threshold into the package.

    python -m benchmarks.chest_check.train ../shared/data
    python -m benchmarks.chest_check.train ../shared/data --threshold

With `--threshold`, the network stays unchanged and only the threshold is chosen again.

Training uses the parts train and val of its collections. The threshold is chosen on collections that the
network never saw, because those pass less often. `measure.py` uses the part test, and radiographs that chose
nothing.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.chest_check.images import Example, apart, others, radiographs
from radscribe.imaging.chest_check import CLASSES, GRAPH, SETTINGS, SIZE, ChestChecker
from radscribe.imaging.exposure import normalise
from radscribe.imaging.reader import read

EPOCHS = 30
BATCH = 128
PASS = 0.98  # of the radiographs of collections that the network never saw pass the threshold
KINDS = {name: index for index, name in enumerate(CLASSES)}


class Network(nn.Module):
    """Five stages of depth 2: `[N, 1, 64, 64]` → logits `[N, 7]`."""

    def __init__(self) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        channels = 1
        for width in (16, 32, 64, 96):
            for inputs in (channels, width):
                stages += [
                    nn.Conv2d(inputs, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
            stages.append(nn.MaxPool2d(2))
            channels = width
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(channels * 16, len(CLASSES))  # places count: a rotated chest is not a chest
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dropout(self.stages(x).flatten(1)))
        return logits


def seen(x: Tensor) -> Tensor:
    """Images `[N, 1, S, S]` as the check sees them: at the common exposure, then small."""
    pictures = np.stack([normalise(picture) for picture in x[:, 0].numpy()])
    return F.interpolate(torch.from_numpy(pictures)[:, None], SIZE, mode="bilinear", antialias=True)


def draw(pixels: Tensor, kinds: Tensor, augment: bool) -> tuple[Tensor, Tensor]:
    """Images `[N, 1, 128, 128]` and kinds → a batch: half of the radiographs turned or inverted."""
    n = len(pixels)
    x, y = pixels.clone(), kinds.clone()
    if augment:
        angle, scale = (torch.rand(n) - 0.5) * 0.3, 1 + (torch.rand(n) - 0.5) * 0.5
        shift = (torch.rand(n, 2) - 0.5) * 0.2
        cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
        affine = torch.stack(
            [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1
        )
        x = F.grid_sample(
            x, F.affine_grid(affine, [n, 1, 128, 128], align_corners=False), align_corners=False
        )
        x = x.clamp(1e-4, 1) ** torch.exp((torch.rand(n, 1, 1, 1) - 0.5) * 1.2)
        wide = torch.rand(n) < 0.25  # squeezed: films are not square
        squeeze = int(torch.randint(80, 128, ()))
        x[wide] = F.pad(F.interpolate(x[wide], (128, squeeze)), ((128 - squeeze) // 2, (129 - squeeze) // 2))
    turn = torch.rand(n)
    for i in range(n):
        if kinds[i] == KINDS["not_chest"]:
            if augment:
                x[i] = torch.rot90(x[i], int(torch.randint(0, 4, ())), (1, 2))
                x[i] = 1 - x[i] if torch.rand(()) < 0.3 else x[i]
        elif turn[i] < 0.36:
            quarter = 1 + int(turn[i] / 0.12)
            x[i] = torch.rot90(x[i], quarter, (1, 2))
            y[i] = KINDS[f"rotated_{90 * quarter}"]
        elif turn[i] < 0.5:
            x[i] = 1 - x[i]
            y[i] = KINDS["inverted"]
    if augment:
        x = x + torch.randn_like(x) * torch.rand(n, 1, 1, 1) * 0.1
    return seen(x), y


def tensors(examples: list[Example]) -> tuple[Tensor, Tensor]:
    pixels = torch.from_numpy(np.stack([example.pixels for example in examples]))[:, None]
    return pixels, torch.tensor([KINDS[example.kind] for example in examples])


def choose_threshold(data: Path) -> None:
    """Choose the threshold that `PASS` of the held-out radiographs reach, and write it."""
    check = ChestChecker()
    results = [check([read(path)])[0].probabilities for _, path in apart(data, "threshold")]
    scores = [found["frontal"] + found["lateral"] for found in results]
    threshold = float(np.quantile(scores, 1 - PASS))
    print(f"{len(scores)} radiographs, threshold {threshold:.3f}")
    SETTINGS.write_text(json.dumps({"threshold": round(threshold, 4)}) + "\n")


def main() -> None:
    torch.manual_seed(0)
    data = Path(sys.argv[1])
    if "--threshold" in sys.argv:
        choose_threshold(data)
        return
    examples = [*radiographs(data), *others(data)]
    x, y = tensors([e for e in examples if e.split == "train"])
    share = torch.bincount(y, minlength=len(CLASSES)).double()
    weight = 1 / share.clamp_min(1).sqrt()[y]  # rare kinds come more often
    network = Network()
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-2)
    steps = len(x) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=EPOCHS * steps)
    for epoch in range(EPOCHS):
        network.train()
        total = 0.0
        for rows in torch.multinomial(weight, steps * BATCH, replacement=True).view(steps, BATCH):
            images, kinds = draw(x[rows], y[rows], augment=True)
            loss = F.cross_entropy(network(images), kinds, label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1} loss {total / steps:.4f}", flush=True)
    network.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            nn.Sequential(network, nn.Softmax(1)),
            (torch.rand(2, 1, SIZE, SIZE),),
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(str(GRAPH), external_data=False)
    choose_threshold(data)


if __name__ == "__main__":
    main()
