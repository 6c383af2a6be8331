"""From pixels to captions on drawn chests, whose findings and their places are known: one command.

    python -m benchmarks.phantom_training.run OUT

Draws about 2,000 chests for training, 200 for validation and 300 for the test (`radscribe prepare phantom`).
Trains an encoder from ImageNet weights and two LSTM decoders on its features: Show and Tell, and Show, Attend
and Tell. Exports both and captions the unseen chests as in serving. It prints

- micro- and macro-F1 of asserted findings against the reports, by the labeller (goal: .95);
- the number of different captions;
- for the decoder that attends: the share of attention in the box of a drawn finding while its words are
  written, relative to the box's share of the image (goal: 4 times; `attention.py`).

Every step is a command of the command line with its run in OUT. A second call continues where the first one
stopped. OUT/figures.json holds the figures. Debian's libjemalloc2 is used if it is installed.
"""

from __future__ import annotations

import argparse
import ctypes.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import radscribe
from benchmarks.phantom_training.attention import Drawn, boxes, focus
from benchmarks.phantom_training.sides import sides_right
from radscribe.data.manifest import Manifest
from radscribe.data.study import Study
from radscribe.evaluation.findings.assertions import (
    FINDINGS,
    PRESENT,
    Labelled,
    per_finding,
    statistics,
    value,
)
from radscribe.inference.caption import Caption

IMAGE = 384  # pixels a side: 12 × 12 cells to attend to
DRAWN = IMAGE * 9 // 8  # with the margin that augmentation turns into
PHANTOMS = ["count=2550", f"size={DRAWN}"]
FRACTIONS = "0.8,0.08,0.12"
ENCODER = [f"image_size={IMAGE}", "epochs=3", "batch_size=16", "learning_rate=0.001"]
DECODER = ["min_frequency=1", "batch_size=32", "epochs=14", "patience=0"]
DECODERS = {
    "show-and-tell": ["options.image_input=both", "options.dropout=0.2", "epochs=30"],
    # A narrow memory that drops out: what a word needs is looked at when it is said. No evenness is asked of
    # attention (λ of the paper's equation 14), since findings are small.
    "show-attend-tell": [
        *("decoder=show-attend-tell", "options.attend=maps", "options.doubly_stochastic=0"),
        *("options.hidden=128", "options.dropout=0.5"),
    ],
}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "radscribe.cli.main", *map(str, arguments)]


def environment(threads: str) -> dict[str, str]:
    """Environment with the number of torch threads and an allocator that keeps its pages."""
    fast = {
        "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1",
        "LD_PRELOAD": ctypes.util.find_library("jemalloc"),
    }
    allocator = {key: text for key, text in fast.items() if text} if fast["LD_PRELOAD"] else {}
    return {**os.environ, "OMP_NUM_THREADS": threads, **allocator}


def settings(*lists: list[str]) -> list[str]:
    return [part for each in lists for setting in each for part in ("--set", setting)]


def train(out: Path) -> None:
    """Make the data, the encoder and, side by side, the decoders, unless they exist."""
    data, encoder = out / "data", out / "encoder"
    if not (data / "manifest.jsonl").exists():
        drawing = ["prepare", "phantom", "--out", data, "--fractions", FRACTIONS]
        subprocess.run(command(*drawing, *settings(PHANTOMS)), check=True)
    learning = ["train-encoder", "--resume", "--data", data, "--out", encoder]
    subprocess.run(
        command(*learning, *settings(ENCODER)),
        check=True,
        env=environment(os.environ.get("OMP_NUM_THREADS", str(os.cpu_count() or 1))),
    )
    common = [f"encoder={encoder}", f"cache={out / 'cache'}", *DECODER]
    runs = [
        subprocess.Popen(
            command("train", "--resume", "--data", data, "--out", out / name, *settings(common, keys)),
            env=environment("1"),
        )
        for name, keys in DECODERS.items()
    ]
    codes = [run.wait() for run in runs]
    if any(codes):
        raise SystemExit("a decoder's training failed")
    for name in DECODERS:
        subprocess.run(command("export", out / name, "--out", out / f"{name}-bundle"), check=True)


def measure(captions: list[Caption], studies: list[Study], drawn: dict[str, Drawn]) -> dict[str, Any]:
    """The figures of one captioner on the unseen phantoms."""
    labelled = Labelled()
    texts = [caption.text or "" for caption in captions]
    reports = [study.report.findings or "" for study in studies if study.report]
    said, written = labelled.codes(texts), labelled.codes(reports)
    kept = (written == PRESENT).any(0)
    sums = statistics(said, written, "absent").sum(0)
    figures: dict[str, Any] = {
        "studies": len(studies),
        "without_caption": sum(caption.text is None for caption in captions),
        **{f"finding_{name}": float(score) for name, score in value(sums, kept).items()},
        "f1": {f: float(x) for f, x, k in zip(FINDINGS, per_finding(sums)["f1"], kept, strict=True) if k},
        "sides_right": sides_right(texts, reports),
        "distinct_captions": len(set(texts)),
        "distinct_reports": len(set(reports)),
    }
    looks = focus(captions, [study.images[0].path for study in studies], drawn)
    if looks:
        figures["attention"] = {
            "mentions": len(looks),
            "mass_in_box": float(np.mean([look.mass for look in looks])),
            "share_of_box": float(np.mean([look.share for look in looks])),
            "times": float(np.mean([look.mass / look.share for look in looks])),
            "times_of_means": float(np.mean([k.mass for k in looks]) / np.mean([k.share for k in looks])),
            "times_by_finding": {
                name: float(np.mean([k.mass / k.share for k in looks if k.finding == name]))
                for name in sorted({look.finding for look in looks})
            },
        }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    started = time.monotonic()
    train(out)
    manifest = Manifest(out / "data")
    studies = list(manifest.split("test"))
    drawn = boxes(manifest)
    figures: dict[str, Any] = {
        "validation_auroc": json.loads((out / "encoder/validation.json").read_text())["auroc"]
    }
    for name in DECODERS:
        captioner = radscribe.load(out / f"{name}-bundle")
        paths = (manifest.root / study.images[0].path for study in studies)
        captions = list(captioner.stream(paths, evidence=True))
        figures[name] = measure(captions, studies, drawn)
    figures["minutes"] = (time.monotonic() - started) / 60
    text = json.dumps(figures, indent=2)
    (out / "figures.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
