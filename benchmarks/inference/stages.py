"""Where the time between a file and its caption goes, beside the bare encoder.

    python -m benchmarks.inference.stages IMAGES [--studies 256]

Each stage is run over the same images by as many threads as there are cores, in turn. Wall milliseconds and
milliseconds of processor time an image, least of the rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import radscribe
from radscribe.bundle.format import locate
from radscribe.imaging.chest_check import ChestChecker
from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize
from radscribe.inference.sessions import EncoderSession
from radscribe.inference.studies import images_in
from radscribe.runtime.onnx_session import available_cores

ROUNDS = 5


def over_cores(work: Callable[[Any], object], items: Iterable[Any]) -> None:
    with ThreadPoolExecutor(available_cores()) as pool:
        list(pool.map(work, items))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--studies", type=int, default=256)
    arguments = parser.parse_args()
    captioner = radscribe.load()
    seen = [f for f in islice(images_in(arguments.images), 64) if captioner.caption(f).text is not None]
    files = list(islice(cycle(seen), arguments.studies))
    folder = locate(None)
    encoder, check, size = (
        EncoderSession(folder, captioner.spec),
        ChestChecker(),
        captioner.spec.encoder.image_size,
    )
    radiographs = [read(file) for file in files]
    images = [resize(radiograph.pixels, size, size)[None, None] for radiograph in radiographs]

    def prepare_and_encode(file: Path) -> None:
        radiograph = read(file)
        check([radiograph])
        encoder(resize(radiograph.pixels, size, size)[None, None])

    stages: dict[str, Callable[[], object]] = {
        "bare encoder": lambda: over_cores(encoder, images),
        "read": lambda: over_cores(read, files),
        "chest check": lambda: over_cores(lambda radiograph: check([radiograph]), radiographs),
        "read, check, resize, encode": lambda: over_cores(prepare_and_encode, files),
        "captions, greedy": lambda: list(captioner.stream(files, beam=1)),
        "captions, beam 3": lambda: list(captioner.stream(files)),
    }
    least = dict.fromkeys(stages, (float("inf"), float("inf")))
    for round_ in range(ROUNDS + 1):
        for name, run in stages.items():
            wall, processor = time.perf_counter(), time.process_time()
            run()
            taken = time.perf_counter() - wall, time.process_time() - processor
            if round_:  # the first warms
                least[name] = min(least[name][0], taken[0]), min(least[name][1], taken[1])
    bare = least["bare encoder"][0]
    print("| | wall ms per image | processor ms | its rate over the bare encoder's |\n|---|---:|---:|---:|")
    for name, (wall, processor) in least.items():
        each = 1000 / len(files)
        share = f"{bare / wall:.2f}" if wall >= bare else ""
        print(f"| {name} | {wall * each:.2f} | {processor * each:.2f} | {share} |")


if __name__ == "__main__":
    main()
