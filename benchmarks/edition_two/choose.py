"""Train decoders of several kinds, and print how far their captions agree with the validation labels.

    python -m benchmarks.edition_two.choose DATA ENCODER ANNOTATION OUT

The figures are for choosing `decoder.yaml`; nothing here looks at the test part. The operating point changes
nothing in training, so that one training serves all of them.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.edition_one.choose import head, row
from benchmarks.edition_one.measure import asserted, truth
from benchmarks.torch_captions import captions
from radscribe.data.manifest import Manifest
from radscribe.data.study import Study
from radscribe.models import Decoder, Encoder, ShowAndTell, ShowAttendTell, StudyFeatures
from radscribe.training.caption_data import side_by_side
from radscribe.training.config import DecoderConfig, load
from radscribe.training.decoder_run import load_captioner
from radscribe.training.encoder_run import load_encoder
from radscribe.training.evidence import encoder_features
from radscribe.training.feature_cache import FeatureCache
from radscribe.training.train_decoder import train_decoder

CONFIG = Path(__file__).with_name("decoder.yaml")
CANDIDATES: Mapping[str, tuple[str, ...]] = {
    "show and tell": ("decoder=show-and-tell", "options={}"),
    "show, attend and tell": (),  # as in decoder.yaml
}
OPERATING_POINTS = (0.15, 0.18, 0.2, 0.22, 0.25, 0.3)
BEAMS = (1, 3)


def set_operating_point(decoder: Decoder, point: float) -> None:
    """Let findings count as seen from another probability on."""
    assert isinstance(decoder, ShowAndTell | ShowAttendTell)
    place = decoder if isinstance(decoder, ShowAndTell) else decoder.reader
    place.threshold = math.log(point / (1 - point))


def features_of(
    studies: Sequence[Study], encoder: Encoder, kinds: Sequence[str], manifest: Manifest, folder: Path
) -> StudyFeatures:
    """What the encoder sees of all studies."""
    names = [image.path for study in studies for image in study.images]
    source = encoder_features(FeatureCache(folder, encoder, kinds).table(manifest.root, names), kinds)
    return side_by_side([source(study, random.Random()) for study in studies])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("data", "encoder", "annotation", "out"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    manifest = Manifest(arguments.data)
    encoder = load_encoder(arguments.encoder)
    studies = list(manifest.split("val"))
    kinds = ("probabilities", "maps", "views")
    features = features_of(studies, encoder, kinds, manifest, arguments.out / "features")
    true = truth(studies, encoder.findings)
    head("decoder")
    show = partial(row, true)
    for point in OPERATING_POINTS:
        show("none: the encoder's findings", point, "", features.probabilities.numpy() > point, 0)
    for name, settings in CANDIDATES.items():
        run = arguments.out / name.replace(" ", "_").replace(",", "")
        paths = (f"encoder={arguments.encoder}", f"weak_reports={arguments.annotation}")
        train_decoder(arguments.data, run, load(DecoderConfig, CONFIG, (*settings, *paths)), resume=True)
        _, decoder, tokenizer, config = load_captioner(run)
        for point in OPERATING_POINTS:
            set_operating_point(decoder, point)
            for beam in BEAMS:
                texts = captions(decoder, tokenizer, features, beam, config.max_length)
                show(name, point, str(beam), asserted(texts, encoder.findings), len(set(texts)))


if __name__ == "__main__":
    main()
