"""Train decoders with several settings, and print how well their captions agree with the validation labels.

    python -m benchmarks.edition_one.choose DATA ENCODER ANNOTATION OUT

The figures serve to choose `decoder.yaml`; the test part is never used. The operating point does not affect
training, so one training serves all of them.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.edition_one.measure import Booleans, asserted, truth
from benchmarks.torch_captions import captions
from radscribe.data.manifest import Manifest
from radscribe.evaluation.findings.binary_scores import agreement, macro_f1
from radscribe.models import StudyFeatures
from radscribe.models.show_and_tell import ShowAndTell
from radscribe.training.config import DecoderConfig, load
from radscribe.training.decoder_run import load_captioner
from radscribe.training.encoder_run import load_encoder
from radscribe.training.image_data import ImageData
from radscribe.training.train_decoder import train_decoder
from radscribe.training.train_encoder import infer

CONFIG = Path(__file__).with_name("decoder.yaml")
BALANCES = (0.0, 0.5)
OPERATING_POINTS = (0.12, 0.15, 0.18, 0.2, 0.22, 0.25)
BEAMS = (1, 3)


def head(choice: str) -> None:
    """Print the head of the table of settings."""
    columns = "operating point | beam | precision | recall | micro-F1 | macro-F1 | silent | distinct"
    print(f"| {choice} | {columns} |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")


def row(true: Booleans, choice: str, point: float, beam: str, said: Booleans, distinct: int) -> None:
    """Agreement of asserted with true findings, `[N, F]` each."""
    one = agreement(said, true)
    print(
        f"| {choice} | {point} | {beam} | {one.precision:.3f} | {one.recall:.3f} | {one.f1:.3f} "
        f"| {macro_f1(said, true):.3f} | {(~said.any(1)).mean():.0%} | {distinct} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("data", "encoder", "annotation", "out"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    manifest = Manifest(arguments.data)
    encoder = load_encoder(arguments.encoder)
    studies = list(manifest.split("val"))
    probabilities = infer(
        encoder, ImageData(manifest, "val", encoder.findings, encoder.image_size)
    ).probabilities
    true = truth(studies, encoder.findings)
    head("balance")
    show = partial(row, true)
    for point in OPERATING_POINTS:
        show("no decoder", point, "", probabilities.numpy() > point, 0)
    for balance in BALANCES:
        run = arguments.out / f"balance{balance}"
        settings = [
            f"encoder={arguments.encoder}",
            f"weak_reports={arguments.annotation}",
            f"balance={balance}",
        ]
        config = load(DecoderConfig, CONFIG, settings)
        if not (run / "decoder.pt").exists():
            train_decoder(arguments.data, run, config, resume=True)
        _, decoder, tokenizer, _ = load_captioner(run)
        assert isinstance(decoder, ShowAndTell)
        for point in OPERATING_POINTS:
            decoder.image_embedding.threshold = float(np.log(point / (1 - point)))
            for beam in BEAMS:
                texts = captions(decoder, tokenizer, StudyFeatures(probabilities), beam, config.max_length)
                show(str(balance), point, str(beam), asserted(texts, encoder.findings), len(set(texts)))


if __name__ == "__main__":
    main()
