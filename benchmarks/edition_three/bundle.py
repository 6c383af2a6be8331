"""Export the embedded bundle: assess its findings, calibrate its confidence, measure it, and write its card.

    python -m benchmarks.edition_three.bundle RUN ../shared/data RUN/bundle

`RUN` is the folder of `build.sh`. Findings are assessed and confidence is calibrated on the validation part;
the figures are of test parts that chose nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.edition_three import measure
from radscribe.bundle.format import DEFAULT
from radscribe.export import staging
from radscribe.export.bundle import export
from radscribe.export.finish import finish
from radscribe.training.config import CONFIG, EncoderConfig, load

CARD = Path(__file__).with_name("card.md")
CAUTIONS = ("Trained on adults of two collections: Indiana University and a sample of NIH ChestX-ray14.",)


def encoder_figures(data: Path, run: Path) -> str:
    """Return the tables of `benchmarks.edition_three.measure` on the test parts."""
    table, outputs = dict(np.load(run / "table.npz")), dict(np.load(run / "encoder/outputs.npz"))
    findings = list(load(EncoderConfig, run / "encoder" / CONFIG).findings)
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        measure.ranking(table, outputs, findings, "test")
        measure.pointing(table, outputs, findings, "test")
        measure.hearts(data, table, outputs, findings)
    return text.getvalue()


def caption_figures(bundle: Path, studies: Path, out: Path) -> str:
    """Return what `radscribe evaluate` prints of a bundle on the test part of Indiana University."""
    command = [sys.executable, "-m", "radscribe", "evaluate", "--data", str(studies), "--bundle", str(bundle)]
    command += ["--target", "both", "--out", str(out), "--overwrite"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout[: done.stdout.find("METEOR none")]  # signatures and the encoder's table follow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--captioner", default="captioner", help="folder of the captioner in RUN")
    parser.add_argument("--name", default=DEFAULT)
    options = parser.parse_args()
    run: Path = options.run
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / options.name
        export(run / options.captioner, bare, options.name, weights=False, cautions=CAUTIONS)
        _, told = finish(bare, run / "studies", "val", False, {})
        figures = {
            "encoder": encoder_figures(options.data, run),
            "captions": caption_figures(bare, run / "studies", run / "scores"),
        }
        text = CARD.read_text(encoding="utf-8")
        for name, table in figures.items():
            text = text.replace(f"<!-- {name} -->", f"```\n{table.strip()}\n```")
        text = text.replace("<!-- assessed -->", "\n\n".join(told))
        card = Path(folder) / "card.md"
        card.write_text(text, encoding="utf-8")
        with staging.staged(options.out, overwrite=True) as stage:
            spec = staging.copy(bare, stage, options.name, card)
    print(*told, *figures.values(), sep="\n\n")
    size = sum(file.stat().st_size for file in options.out.iterdir())
    print(f"wrote {spec.id} to {options.out}, {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
