"""Whether an encoder's cells answer where they are drawn: a spot of light on radiographs, and what changes.

    python -m benchmarks.evidence.alignment RUN IMAGES

Strided convolutions with "same" padding centre a cell's receptive field up to half a cell beside the evenly
laid cell (Araujo et al., Computing Receptive Fields of Convolutional Neural Networks, Distill 2019); what the
network learned may outweigh that. Printed is how far the centre of the change in the grid (squared, all
channels) lies from the spot, down and to the right, in cells.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize
from radscribe.training.encoder_run import load_encoder

SPOTS = 12  # an image
RADIUS = 6.0  # of a spot, pixels (standard deviation)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, help="of an encoder")
    parser.add_argument("images", type=Path, help="folder of frontal radiographs")
    given = parser.parse_args()
    encoder, generator = load_encoder(given.run), np.random.default_rng(0)
    side = encoder.image_size
    pixel = torch.arange(side) + 0.5
    offsets = []
    for path in sorted(given.images.iterdir())[:24]:
        image = torch.tensor(resize(read(path).pixels, side, side))[None, None]
        before = encoder.grid(image)
        for y, x in generator.uniform(0.3, 0.7, (SPOTS, 2)) * side:
            squares = (pixel[:, None] - y) ** 2 + (pixel[None] - x) ** 2
            lit = (image + 0.5 * torch.exp(-squares / (2 * RADIUS**2))).clamp(0, 1)
            change = ((encoder.grid(lit) - before) ** 2).sum((0, 1))  # [h, w]
            cell = torch.arange(len(change)) + 0.5
            share = change / change.sum()
            scale = side / len(change)
            down, right = ((share.sum(1 - axis) * cell).sum() - at / scale for axis, at in ((0, y), (1, x)))
            offsets.append((float(down), float(right)))
    mean, error = np.mean(offsets, axis=0), np.std(offsets, axis=0) / np.sqrt(len(offsets))
    for name, value, of_it in zip(("down", "right"), mean, error, strict=True):
        print(f"{name} {value:+.2f} ± {of_it:.2f} cells, {len(offsets)} spots")


if __name__ == "__main__":
    main()
