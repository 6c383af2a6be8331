"""One line of the table, one seed: train, then caption the validation and the test part.

    python -m benchmarks.iu_encodings.job DATA OUT CONFIGS LINE SEED [ENCODER]

OUT/LINE/SEED gets the run, and captions as `<part>-<search>.csv`. Results that exist are not computed again.
"""

from __future__ import annotations

import csv
import io
import random
import sys
from pathlib import Path

from benchmarks.iu_encodings.lines import Benchmark
from benchmarks.torch_captions import captions
from radscribe.data.features import FILE, FeatureTable
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study
from radscribe.files import atomic_write
from radscribe.models import Decoder, StudyFeatures
from radscribe.training.caption_data import side_by_side, with_views
from radscribe.training.decoder_inputs import encoder_features
from radscribe.training.decoder_run import load_decoder
from radscribe.training.encoder_run import load_encoder
from radscribe.training.feature_cache import FeatureCache
from radscribe.training.train_decoder import train_decoder

BEAMS = {"greedy": 1, "beam3": 3}
PARTS: tuple[Split, ...] = ("val", "test")


def captions_of(run: Path, part: Split, search: str) -> Path:
    """The file of a run's captions."""
    return run / f"{part}-{search}.csv"


def features_of(benchmark: Benchmark, decoder: Decoder, studies: list[Study]) -> StudyFeatures:
    """The features that a decoder reads of some studies."""
    if benchmark.encoder is None:
        table = FeatureTable.load(benchmark.data / FILE)
    else:
        encoder = load_encoder(benchmark.encoder)
        studies = with_views(studies, encoder.views)
        names = [image.path for study in studies for image in study.images]
        root = Manifest(benchmark.data).root
        table = FeatureCache(benchmark.cache, encoder, decoder.inputs).table(root, names)
    source = encoder_features(table, decoder.inputs)
    return side_by_side([source(study, random.Random()) for study in studies])


def caption(benchmark: Benchmark, run: Path) -> None:
    """Captions of both parts by every search."""
    decoder, tokenizer, config = load_decoder(run)
    for part in PARTS:
        studies = list(Manifest(benchmark.data).split(part))
        missing = {
            search: beam for search, beam in BEAMS.items() if not captions_of(run, part, search).exists()
        }
        features = features_of(benchmark, decoder, studies) if missing else None
        for search, beam in missing.items():
            assert features is not None
            texts = captions(decoder, tokenizer, features, beam, config.max_length)
            table = io.StringIO(newline="")
            csv.writer(table).writerow(("id", "report"))
            csv.writer(table).writerows(zip((study.id for study in studies), texts, strict=True))
            with atomic_write(captions_of(run, part, search)) as file:
                file.write(table.getvalue().encode())


def main() -> None:
    data, out, configs, name, seed, *encoder = sys.argv[1:]
    benchmark = Benchmark(Path(data), Path(out), Path(configs), Path(encoder[0]) if encoder else None)
    run = benchmark.run_of(name, int(seed))
    train_decoder(benchmark.data, run, benchmark.configuration(name, int(seed)), resume=True)
    caption(benchmark, run)


if __name__ == "__main__":
    main()
