"""Features for the decoder's training, of encoders that have not seen the image.

    python -m benchmarks.edition_one.crossfit MANIFESTS RUNS

MANIFESTS is the folder that `nih` wrote; RUNS holds `encoder`, `fold0`, `fold1`, ... An encoder knows its own
training images too well: a decoder trained on what it says of them trusts it too much. So a training image
gets its features from the fold that held its patient out, and a validation image from the final encoder.
Writes MANIFESTS/all/features.npz.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.edition_one.nih import FOLDS
from radscribe.data import features as feature_file
from radscribe.data.features import FeatureTable
from radscribe.data.manifest import Manifest
from radscribe.training.image_data import ImageData
from radscribe.training.train_encoder import infer, load_encoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("manifests", type=Path)
    parser.add_argument("runs", type=Path)
    arguments = parser.parse_args()
    names: list[str] = []
    probabilities: list[np.ndarray] = []
    parts = [("all", "encoder"), *((f"fold{fold}", f"fold{fold}") for fold in range(FOLDS))]
    for manifest, run in parts:
        encoder = load_encoder(arguments.runs / run)
        images = ImageData(
            Manifest(arguments.manifests / manifest), "val", encoder.findings, encoder.image_size
        )
        names += images.names
        probabilities.append(infer(encoder, images).probabilities.numpy())
        print(f"{manifest}: {len(images)} images by {run}", flush=True)
    table = FeatureTable(names, {"probabilities": np.concatenate(probabilities)})
    table.save(arguments.manifests / "all" / feature_file.FILE)


if __name__ == "__main__":
    main()
