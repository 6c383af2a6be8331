"""One line of the table, one seed: train, then caption the validation and the test part.

    python -m benchmarks.iu_encodings.job DATA OUT LINE SEED

OUT/LINE/SEED gets the run, and captions as `<part>-<search>.csv`. What is there already is not done again.
"""

from __future__ import annotations

import csv
import io
import random
import sys
from pathlib import Path

from benchmarks.iu_encodings.lines import configuration, run_of
from benchmarks.torch_captions import captions
from radscribe.data.features import FILE, FeatureTable
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split
from radscribe.files import atomic_write
from radscribe.training.caption_data import side_by_side
from radscribe.training.decoder_inputs import encoder_features
from radscribe.training.decoder_run import load_decoder
from radscribe.training.train_decoder import train_decoder

BEAMS = {"greedy": 1, "beam3": 3}
PARTS: tuple[Split, ...] = ("val", "test")


def captions_of(run: Path, part: Split, search: str) -> Path:
    """The file of a run's captions."""
    return run / f"{part}-{search}.csv"


def caption(data: Path, run: Path) -> None:
    """Captions of both parts by every search."""
    decoder, tokenizer, config = load_decoder(run)
    source = encoder_features(FeatureTable.load(data / FILE), decoder.inputs)
    for part in PARTS:
        studies = list(Manifest(data).split(part))
        features = side_by_side([source(study, random.Random()) for study in studies])
        for search, beam in BEAMS.items():
            path = captions_of(run, part, search)
            if not path.exists():
                texts = captions(decoder, tokenizer, features, beam, config.max_length)
                table = io.StringIO(newline="")
                csv.writer(table).writerow(("id", "report"))
                csv.writer(table).writerows(zip((study.id for study in studies), texts, strict=True))
                with atomic_write(path) as file:
                    file.write(table.getvalue().encode())


def main() -> None:
    data, out, name, seed = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    run = run_of(out, name, seed)
    train_decoder(data, run, configuration(out, name, seed), resume=True)
    caption(data, run)


if __name__ == "__main__":
    main()
