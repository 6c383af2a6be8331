"""Export the embedded bundle: measure it on held-out data, and put the tables into its card.

python -m benchmarks.edition_one.bundle RUN OUT DATA ANNOTATION [--name NAME --card CARD]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from pathlib import Path

from benchmarks.edition_one import measure
from radscribe.bundle.export import export
from radscribe.bundle.format import DEFAULT

CARD = Path(__file__).with_name("card.md")
FIGURES = "<!-- figures -->"
CAUTIONS = (
    "Trained on labels and unpaired reports, frontal views only: it never saw an image with its own report.",
)


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
        export(arguments.run, bare, name, weights=False, cautions=CAUTIONS)
        tables = io.StringIO()
        with contextlib.redirect_stdout(tables):
            measure.main([str(arguments.data), str(arguments.annotation), "--bundle", str(bare)])
        # The card names no bundle id: the id covers the card.
        figures = tables.getvalue().split("\n", 1)[1].strip()
        card = Path(folder) / "card.md"
        card.write_text(
            arguments.card.read_text(encoding="utf-8").replace(FIGURES, figures), encoding="utf-8"
        )
        spec = export(arguments.run, arguments.out, name, card, weights=False, cautions=CAUTIONS)
    print(figures)
    size = sum(file.stat().st_size for file in arguments.out.iterdir())
    print(f"wrote {spec.id} to {arguments.out}, {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
