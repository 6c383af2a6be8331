"""Average the weights of encoders that were tuned from the same start, and calibrate the mean.

    python -m benchmarks.edition_one.soup DATA OUT RUN RUN...

Wortsman et al., Model soups, ICML 2022. Running means and variances of the normalisations are computed again,
over the training images. OUT becomes a run like the others, with the configuration of the first.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from radscribe.data.manifest import Manifest
from radscribe.models.encoder import Encoder
from radscribe.training.encoder_module import as_input
from radscribe.training.encoder_run import load_encoder
from radscribe.training.image_data import ImageData
from radscribe.training.train_encoder import calibrate


def average(encoders: list[Encoder]) -> Encoder:
    """The mean of all weights, in the first encoder."""
    states = [encoder.state_dict() for encoder in encoders]
    mean = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(value.dtype)
        for name, value in states[0].items()
    }
    encoders[0].load_state_dict(mean)
    return encoders[0]


@torch.no_grad()
def renew_statistics(encoder: Encoder, images: ImageData) -> None:
    """Running statistics of batch normalisation as plain means over all images."""
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a cumulative mean
    encoder.train()
    for batch in DataLoader(images, 32, shuffle=True):
        encoder(as_input(batch.pixels, encoder.image_size))
    encoder.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    encoder = average([load_encoder(run) for run in arguments.runs])
    manifest = Manifest(arguments.data)
    training, validation = (
        ImageData(manifest, split, encoder.findings, encoder.image_size) for split in ("train", "val")
    )
    renew_statistics(encoder, training)
    arguments.out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arguments.runs[0] / "config.json", arguments.out / "config.json")
    print(f"wrote {calibrate(encoder, validation, arguments.out)}")


if __name__ == "__main__":
    main()
