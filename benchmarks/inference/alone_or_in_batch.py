"""Whether a study gets the same caption alone and in any batch.

    python -m benchmarks.inference.alone_or_in_batch DATA_FOLDER [--bundle B] [--studies N]

500 files of DATA_FOLDER/nih/images, each alone and all in one stream; then, twice, shuffled with studies of
two to four of these images. Texts must be equal; probabilities and log-probabilities within the tolerance,
which leaves room for the order of the sums in a matrix product. Exits with 1 when they are not.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import radscribe
from radscribe.inference.inputs import StudyInput

TOLERANCE = 1e-4
SEEDS = (1, 2)


def mixed(files: list[Path], seed: int) -> list[StudyInput]:
    """Each file as a study, and a study of several after every fourth, in the order of the seed."""
    draw = random.Random(seed)
    studies = [StudyInput(str(file), (file,)) for file in files]
    for number in range(len(files) // 4):
        views = tuple(draw.sample(files, draw.randint(2, 4)))
        studies.append(StudyInput(f"of {len(views)} images, number {number}", views))
    draw.shuffle(studies)
    return studies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--bundle")
    parser.add_argument("--studies", type=int, default=500)
    arguments = parser.parse_args()
    files = sorted((arguments.data / "nih" / "images").iterdir())[: arguments.studies]
    captioner = radscribe.load(arguments.bundle)
    streams = {"in one stream": [StudyInput(str(file), (file,)) for file in files]}
    streams |= {f"with studies of several images, shuffle {seed}": mixed(files, seed) for seed in SEEDS}
    failed = False
    for name, studies in streams.items():
        alone = [captioner.caption(study) for study in studies]
        together = list(captioner.stream(studies))
        pairs = list(zip(alone, together, strict=True))
        differ = sum((a.study, a.text, a.refused) != (b.study, b.text, b.refused) for a, b in pairs)
        probability = max(abs(a.findings[f] - b.findings[f]) for a, b in pairs for f in a.findings)
        log_probability = max(abs((a.log_probability or 0) - (b.log_probability or 0)) for a, b in pairs)
        failed |= differ > 0 or max(probability, log_probability) > TOLERANCE
        print(
            f"{name}: {len(studies)} studies, {sum(a.text is not None for a in alone)} captioned; {differ} "
            f"differ; a probability by at most {probability:.1e}, a log-probability by {log_probability:.1e} "
            f"(tolerance {TOLERANCE:.0e})"
        )
    sys.exit(failed)


if __name__ == "__main__":
    main()
