"""A first Show and Tell on features without pixels, and its captions of the test part for `table`.

    radscribe prepare r2gen SRC --out DATA --features chexnet_encodings.npz --allow-missing
    python -m benchmarks.evaluation.show_and_tell DATA OUT
    python -m benchmarks.evaluation.table DATA --captions show-and-tell=OUT/beam3.csv

Default settings; the checkpoint is the one of the highest `val_score`. OUT gets greedy.csv and beam3.csv.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.torch_captions import captions
from radscribe.data.features import FILE, FeatureTable
from radscribe.data.manifest import Manifest
from radscribe.models import StudyFeatures
from radscribe.training.config import DecoderConfig
from radscribe.training.decoder_run import WEIGHTS, load_decoder
from radscribe.training.train_decoder import train_decoder

BEAMS = {"greedy": 1, "beam3": 3}


def main() -> None:
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    if not (out / WEIGHTS).exists():
        train_decoder(data, out, DecoderConfig(), resume=True)
    decoder, tokenizer, config = load_decoder(out)
    table, studies = FeatureTable.load(data / FILE), list(Manifest(data).split("test"))
    seen = np.stack([table.study(study, "probabilities") for study in studies])
    features = StudyFeatures(torch.from_numpy(seen))
    for name, beam in BEAMS.items():
        texts = captions(decoder, tokenizer, features, beam, config.max_length)
        with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "report"))
            writer.writerows((study.id, text) for study, text in zip(studies, texts, strict=True))
        print(f"wrote {out / name}.csv: {len(texts)} captions, {len(set(texts))} different")


if __name__ == "__main__":
    main()
