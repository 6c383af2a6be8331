"""Print captions of test studies beside what is known of them, for people to read.

    python -m benchmarks.edition_three.captions ../shared/data RUN/studies BUNDLE

Thirty studies of Indiana University chosen by a seed, the thirty whose captions miss most of what their
reports assert, and thirty NIH images chosen by a seed, with their labels.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.edition_three.images import nih
from radscribe.data.manifest import Manifest
from radscribe.data.study import Study
from radscribe.inference.captioner import Captioner
from radscribe.text.findings import label

COUNT = 30


def asserted(text: str) -> set[str]:
    """The findings that a text asserts."""
    return {name for name, status in label(text).items() if status == "present" and name != "Normal"}


def show(heading: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Print name, caption and truth of some studies."""
    print(f"## {heading}\n")
    for name, caption, truth in rows:
        print(f"{name}\n  caption: {caption}\n  truth:   {truth}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("studies", type=Path, help="manifest that benchmarks.edition_three.studies wrote")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    captioner = Captioner(options.bundle)
    manifest = Manifest(options.studies)
    studies: list[Study] = list(manifest.split("test", with_images=True))
    captions = [caption.text or f"refused: {caption.refused}" for caption in captioner.stream(studies)]
    rows = [(study.id, caption, study.text("both")) for study, caption in zip(studies, captions, strict=True)]
    missed = {name: len(asserted(truth) - asserted(caption)) for name, caption, truth in rows}
    chosen = list(rows)
    random.Random(options.seed).shuffle(chosen)
    show("Indiana University, by a seed", chosen[:COUNT])
    show("Indiana University, hardest", sorted(rows, key=lambda row: -missed[row[0]])[:COUNT])
    films = [row for row in nih(options.data.resolve()) if row.split == "test"]
    random.Random(options.seed).shuffle(films)
    films = films[:COUNT]
    texts = [caption.text or "refused" for caption in captioner.stream([film.path for film in films])]
    labels = [", ".join(name for name, value in film.labels.items() if value == 1) for film in films]
    show("NIH, by a seed", list(zip([film.study for film in films], texts, labels, strict=True)))


if __name__ == "__main__":
    main()
