"""Files to captions against the shortest code that does the same: the goals of speed as one table.

    python -m benchmarks.inference.goals [--images DIR] [--files 16] [--rounds 3] [--memory 0] [--bundle B] \
        [--before SRC]

- A film of 2,500 x 2,048 pixels and 14 bits, in each transfer syntax that can be written here: captions from
  files, over `dcmread`, the decoder, one lookup table, Pillow's resize and only the encoder on onnxruntime,
  one film per core. JPEG 2000 is listed twice, exact (the default) and at reduced resolution.
- Pictures: the images of `--images` (default: drawn, 320 pixels) and PNG files of 1,024 pixels, over the
  encoder alone on decoded pictures.
- A cold `radscribe caption` of one film, whole process.
- With `--before SRC`, the sources of an earlier version: the same films and pictures, captioned by that
  version and its own bundle in a process beside this one, in turn with the others.
- With `--memory N`: peak and growth of a process that captions N films.

The sides run in turn. Ratios are taken within each round: median (least to greatest). The second table says
where the time of one film goes, in processor milliseconds on one core. No figure depends on which bundle it
is, except through the size and cost of its encoder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.imaging.reading_speed import SYNTAXES, film, shortest, write
from benchmarks.inference.scaling import peak_mb
from radscribe import phantom
from radscribe.bench.cold_start import cost
from radscribe.bench.end_to_end import BareEncoder
from radscribe.bench.measuring import Spread, in_turn, ratio
from radscribe.bundle.format import locate
from radscribe.imaging.chest_check import ChestChecker
from radscribe.imaging.exposure import picture
from radscribe.imaging.reader import read
from radscribe.inference.captioner import Captioner
from radscribe.inference.studies import images_in
from radscribe.runtime.onnx_session import available_cores

GOAL = 0.9  # of the shortest code
JPEG_2000 = "JPEG 2000 lossless"
# Prints how many of the files of a line of JSON were captioned.
EARLIER = """
import json, sys, radscribe
captioner = radscribe.load()
for line in sys.stdin:
    captions = list(captioner.stream(json.loads(line)))
    print(sum(caption.text is not None for caption in captions), flush=True)
"""


def show(name: str, what: str, spread: Spread, goal: str) -> None:
    print(
        f"| {name} | {what} | {spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f}) | {goal} |",
        flush=True,
    )


class Earlier:
    """A process that captions files with the sources of an earlier version."""

    def __init__(self, sources: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", EARLIER],
            env=os.environ | {"PYTHONPATH": str(sources.resolve())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def caption(self, files: Sequence[Path]) -> int:
        """Caption files; returns how many could be read."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(file) for file in files]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def show_before(name: str, seconds: dict[str, list[float]]) -> None:
    """How many times faster this version is than the earlier one."""
    if "before" in seconds:
        show(name, "the earlier version", ratio(seconds["before"], seconds[""]), "faster")


def films(
    captioner: Captioner, encoder: Path, folder: Path, count: int, rounds: int, earlier: Earlier | None
) -> dict[str, Path]:
    """Lines of the transfer syntaxes; returns a film of each."""
    pixels, size, cores = film(), captioner.spec.encoder.image_size, available_cores()
    bare = BareEncoder(encoder, cores)
    written = {name: folder / f"{name}.dcm" for name in SYNTAXES}

    def encode(path: Path) -> None:
        bare.one(shortest(path, size))

    def limit(path: Path) -> None:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(encode, [path] * count))

    for name, syntax in SYNTAXES.items():
        path = written[name]
        write(pixels, syntax, path)
        sides: dict[str, Callable[[], object]] = {
            "limit": partial(limit, path),
            "": lambda path=path: list(captioner.stream([path] * count)),  # type: ignore[misc]
        }
        if earlier and earlier.caption([path]):
            sides["before"] = lambda path=path: earlier.caption([path] * count)  # type: ignore[misc]
        if name == JPEG_2000:
            sides[", reduced"] = lambda path=path: list(captioner.stream([path] * count, exact=False))  # type: ignore[misc]
        seconds = in_turn(sides, rounds)
        rate = statistics.median(count / s for s in seconds["limit"])
        for way in [way for way in sides if way not in ("limit", "before")]:
            what = f"dcmread, decoder, table, resize, encoder: {rate:.1f}/s"
            show(f"{name}{way}", what, ratio(seconds["limit"], seconds[way]), f"{GOAL:g}")
        show_before(name, seconds)
    return written


def pictures(
    name: str,
    files: Sequence[Path],
    captioner: Captioner,
    encoder: Path,
    rounds: int,
    goal: str,
    earlier: Earlier | None,
) -> None:
    size = captioner.spec.encoder.image_size
    bare = BareEncoder(encoder, available_cores())
    tensors = np.stack([picture(read(file, size=size).pixels, size).pixels[None] for file in files])
    sides: dict[str, Callable[[], object]] = {
        "bare": lambda: bare.one_per_core(tensors),
        "": lambda: list(captioner.stream(files)),
    }
    if earlier:
        sides["before"] = lambda: earlier.caption(files)
    seconds = in_turn(sides, rounds)
    rate = statistics.median(len(files) / s for s in seconds["bare"])
    show(name, f"encoder on decoded pictures: {rate:.0f}/s", ratio(seconds["bare"], seconds[""]), goal)
    show_before(name, seconds)


def memory(file: Path, count: int, bundle: str | None) -> None:
    """Run as its own process: captions of one film over and over; peak after a fifth, and at the end."""
    captioner = Captioner(bundle)
    first = None
    for done, _ in enumerate(captioner.stream([file] * count), 1):
        if done == count // 5:
            first = peak_mb()
    print(first or 0, peak_mb() or 0)


def milliseconds(work: Callable[[], Any], rounds: int) -> float:
    """Least processor time of this process."""
    least = float("inf")
    for _ in range(rounds + 1):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
    return 1000 * least


def stages(file: Path, captioner: Captioner, encoder: Path, rounds: int) -> None:
    """Where the time of one film goes."""
    size = captioner.spec.encoder.image_size
    bare, check = BareEncoder(encoder, 1), ChestChecker()
    pixels = read(file, size=size).pixels
    seen: npt.NDArray[np.float32] = picture(pixels, size).pixels
    rows = {
        "read: header, table, resize": lambda: read(file, size=size),
        "common exposure": lambda: picture(pixels, size),
        "chest check": lambda: check.check(seen),
        "encoder": lambda: bare.one(seen),
        "all, a study alone": lambda: captioner.caption(file),
    }
    print("\n| one uncompressed film | processor ms |\n|---|---:|")
    for name, work in rows.items():
        print(f"| {name} | {milliseconds(work, rounds):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder of small pictures (default: drawn, 320 pixels)")
    parser.add_argument("--files", type=int, default=16, help="files per round (default: 16)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds after one untimed (default: 3)")
    parser.add_argument("--memory", type=int, default=0, help="films of the memory test (default: none)")
    parser.add_argument("--bundle", help="bundle (default: the embedded one)")
    parser.add_argument("--before", type=Path, help="sources (src) of an earlier version")
    parser.add_argument("--only-memory", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_memory:
        memory(arguments.only_memory, arguments.memory, arguments.bundle)
        return
    captioner = Captioner(arguments.bundle)
    encoder = locate(arguments.bundle) / captioner.spec.encoder.file
    count, rounds = arguments.files, arguments.rounds
    print(f"{captioner.bundle}, {captioner.spec.encoder.image_size} px, {available_cores()} cores\n")
    print("| files to captions | over | ratio | goal |\n|---|---|---|---|")
    earlier = Earlier(arguments.before) if arguments.before else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = films(captioner, encoder, folder, count, rounds, earlier)
        for side, goal in ((320, "0.85"), (1024, "0.7")):
            if side == 320 and arguments.images:
                files = [f for f in images_in(arguments.images)[:64] if captioner.caption(f).text][:count]
            else:
                files = [folder / f"{side}_{seed}.png" for seed in range(4)]
                for seed, file in enumerate(files):
                    phantom.save(phantom.draw(seed, size=side), file)
            chosen = (files * count)[: 4 * count]
            pictures(f"{side} px pictures", chosen, captioner, encoder, rounds, goal, earlier)
        if earlier:
            earlier.close()
        first = str(written["uncompressed"])
        command = [sys.executable, "-m", "radscribe.cli.main", "caption", first]
        command += ["--bundle", str(locate(arguments.bundle))]
        costs = [cost(command) for _ in range(rounds + 1)][1:]
        show("one film, cold", "seconds", Spread.of(one["seconds"] for one in costs), "at most 0.6")
        show("one film, cold", "MB", Spread.of(one["peak_mb"] for one in costs), "at most 300")
        if arguments.memory:
            command = [sys.executable, "-m", "benchmarks.inference.goals", "--memory", str(arguments.memory)]
            command += ["--only-memory", first, *(["--bundle", arguments.bundle] if arguments.bundle else [])]
            early, late = map(
                float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            )
            show(f"{arguments.memory} films", "MB at most", Spread.of([late]), "at most 350")
            show(f"{arguments.memory} films", "MB more than after a fifth", Spread.of([late - early]), "flat")
        stages(written["uncompressed"], captioner, encoder, 5 * rounds)


if __name__ == "__main__":
    main()
