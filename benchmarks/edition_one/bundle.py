"""Export the embedded bundle: calibrate its confidence, measure it on held-out data, and write its card.

RUN may be a bundle, which then keeps its graphs.

python -m benchmarks.edition_one.bundle RUN OUT DATA ANNOTATION [--name NAME --card CARD]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.confidence import risk_coverage
from benchmarks.edition_one import measure
from radscribe.bundle.format import DEFAULT, DESCRIPTION
from radscribe.export import staging
from radscribe.export.bundle import export
from radscribe.export.finish import finish

CARD = Path(__file__).with_name("card.md")
FIGURES, CONFIDENCE = "<!-- figures -->", "<!-- confidence -->"
CAUTIONS = (
    "Trained on labels and unpaired reports, frontal views only: it never saw an image with its own report.",
)


def printed(table: Callable[[list[str]], None], *arguments: object) -> str:
    """Output of a benchmark."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        table([str(argument) for argument in arguments])
    return text.getvalue().strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("run", "out", "data", "annotation"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--name", default=DEFAULT)
    parser.add_argument("--card", type=Path, default=CARD)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        name = arguments.name
        bare = Path(folder) / name
        if (arguments.run / DESCRIPTION).is_file():
            bare.mkdir()
            staging.copy(arguments.run, bare, name, weights=False)
        else:
            export(arguments.run, bare, name, weights=False, cautions=CAUTIONS)
        finish(bare, arguments.data, "val", False, {})
        # The card names no bundle id: the id covers the card.
        figures = printed(measure.main, arguments.data, arguments.annotation, "--bundle", bare)
        figures = figures.split("\n", 1)[1].strip()
        parts = (
            printed(risk_coverage.main, arguments.data, "--bundle", bare, "--part", part)
            for part in ("val", "test")
        )
        confidence = "\n\n".join("On the " + text.split(", ", 1)[1] for text in parts)
        card = Path(folder) / "card.md"
        text = arguments.card.read_text(encoding="utf-8").replace(FIGURES, figures)
        card.write_text(text.replace(CONFIDENCE, confidence), encoding="utf-8")
        with staging.staged(arguments.out) as stage:
            spec = staging.copy(bare, stage, name, card)
    print(figures, confidence, sep="\n\n")
    size = sum(file.stat().st_size for file in arguments.out.iterdir())
    print(f"wrote {spec.id} to {arguments.out}, {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
