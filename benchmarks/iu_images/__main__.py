"""Train and evaluate every decoder on IU X-ray's images, R2Gen's split, and print the table.

    radscribe prepare r2gen SRC --out DATA --set images=SRC/images/images_normalized
    python -m benchmarks.iu_images DATA ENCODER OUT [--jobs 2] [--seeds 3] [--lines NAME ...] [--peers CSV]

ENCODER is a run of `benchmarks.edition_three.finish` or of `radscribe train-encoder`. Its features are cached
in OUT. Peers are captions of the same test studies, made elsewhere: CSV files with the columns `id` and
`report`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.iu_encodings.__main__ import run_lines
from benchmarks.iu_encodings.lines import Benchmark


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--jobs", type=int, default=2, help="processes at once (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="seeds per line (%(default)s)")
    parser.add_argument("--lines", nargs="*", default=(), help="names of configurations (default: all)")
    parser.add_argument("--peers", nargs="*", default=(), type=Path, help="captions made elsewhere")
    options = parser.parse_args()
    configs = Path(__file__).with_name("configs")
    benchmark = Benchmark(options.data, options.out, configs, options.encoder.resolve())
    run_lines(benchmark, options.lines, range(options.seeds), options.jobs, options.peers)


if __name__ == "__main__":
    main()
