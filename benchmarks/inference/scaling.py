"""How time and memory scale with the beam, the batch, the length of captions and the number of studies.

    python -m benchmarks.inference.scaling [--bundle B] [--images DIR] [--only NAME]... [--quick] [--json]

beam     wider beams against greedy, from files to captions
batch    the bare encoder with 1, 8 and 32 images per batch
length   decoding time by the length of captions
growth   time and memory by the number of studies, to 4,096, in a separate process

Same table as `radscribe bench`: the sides of a comparison run in turn. Let nothing else run meanwhile.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from benchmarks.inference import decoding
from radscribe.bench.end_to_end import BATCH, BareEncoder
from radscribe.bench.measuring import Goal, Result, Spread, exponent, in_turn, ratio
from radscribe.bench.run import print_results
from radscribe.bench.setting import FULL, QUICK, Setting, encoder_inputs, prepare, repeated
from radscribe.inference.captioner import Captioner
from radscribe.inference.constraints import of_a_caption
from radscribe.inference.sessions import DecoderSession, EncoderSession, join_views
from radscribe.text.tokenizer import ReportTokenizer

BEAM = 3  # the width that has a goal
WINDOW = 16  # compare the first and the last sixteenth of the studies: 256 of 4,096
FLAT = Goal(16, at_least=False)  # megabytes: what a few batches leave behind
MANY = 1024  # studies above which growth is meaningful


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes to compare.

    Parameters
    ----------
    widths : tuple of int
        Widths of the beam, compared with greedy.
    batches : tuple of int
        Batch sizes of the encoder. The others are compared with the first.
    lengths : tuple of int
        Tokens per caption, rising. Scaled down if the bundle's captions are shorter.
    growth : tuple of int
        Numbers of studies, rising.
    """

    widths: tuple[int, ...]
    batches: tuple[int, ...]
    lengths: tuple[int, ...]
    growth: tuple[int, ...]


FULL_SIZES = Sizes((2, 3, 5, 10), (1, 8, 32), (10, 20, 40, 80), (1, 4, 16, 64, 256, 1024, 4096))
QUICK_SIZES = Sizes((3,), (1, 8, 32), (10, 20, 40, 80), (1, 4, 16, 64))


def beam(setting: Setting, sizes: Sizes) -> Iterator[Result]:
    """Time of each beam width over greedy, from files to captions."""
    files = repeated(setting.files, setting.scale.studies)

    def captions(width: int) -> None:
        for _ in setting.bundle.captioner.stream(files, beam=width):
            pass

    sides = {width: partial(captions, width) for width in (1, *sizes.widths)}
    seconds = in_turn(sides, setting.scale.rounds)
    for width in sizes.widths:
        yield Result(
            f"beam.{width}",
            f"time from files to captions with a beam of {width}, over greedy",
            ratio(seconds[width], seconds[1]),
            goal=Goal(1.1, at_least=False) if width == BEAM else None,
        )


def batch(setting: Setting, sizes: Sizes) -> Iterator[Result]:
    """Images per second of each batch size over those of the smallest."""
    first, *others = sizes.batches
    files = repeated(setting.files, max(first, *others))
    tensors = encoder_inputs(files, setting.bundle.spec.encoder.image_size)
    bare = BareEncoder(setting.bundle.encoder, setting.threads)
    sides: dict[int, Callable[[], object]] = {
        size: partial(bare.batched, tensors, size) for size in (first, *others)
    }
    sides[0] = partial(bare.one_per_core, tensors)
    seconds = in_turn(sides, setting.scale.rounds)
    yield Result(
        f"batch.{first}",
        f"the bare encoder, batches of {first} on all cores",
        Spread.of(len(tensors) / s for s in seconds[first]),
        "images/s",
    )
    for size in others:
        yield Result(
            f"batch.{size}",
            f"images/s of the bare encoder, batches of {size} on all cores, over batches of {first}",
            ratio(seconds[first], seconds[size]),
        )
    yield Result(
        "batch.one-per-core",
        f"images/s of the bare encoder, one image per core, over batches of {first} on all cores",
        ratio(seconds[first], seconds[0]),
    )


def length(setting: Setting, sizes: Sizes) -> Iterator[Result]:
    """Time to decode a batch of studies to captions of each length, from the same features."""
    folder, spec = setting.bundle.folder, setting.bundle.spec
    tensors = encoder_inputs(repeated(setting.files, BATCH), spec.encoder.image_size)
    features = join_views(EncoderSession(folder, spec)(tensors), [("PA",)] * BATCH)
    decoder, tokenizer = DecoderSession(folder, spec), ReportTokenizer.load(folder / spec.tokenizer)
    constraints = of_a_caption(tokenizer)
    share = min(spec.decoder.max_length / sizes.lengths[-1], 1)
    lengths = [max(int(tokens * share), 1) for tokens in sizes.lengths]

    def decode(tokens: int) -> None:
        decoding.captions(
            *(decoder, tokenizer, features),
            shortest=tokens,
            longest=tokens,
            beam=BEAM,
            constraints=constraints,
        )

    seconds = in_turn({tokens: partial(decode, tokens) for tokens in lengths}, setting.scale.rounds)
    short, long = lengths[0], lengths[-1]
    meaning = f"time to decode {BATCH} studies, beam {BEAM}, captions of {long} tokens"
    yield Result("length", f"{meaning} over {short}", ratio(seconds[long], seconds[short]))
    yield Result(
        "length.exponent",
        f"decoding time by caption length, {short} to {long} tokens (1: linear)",
        exponent(seconds),
        "",
    )


@dataclass(slots=True)
class Grown:
    """The measurements of the process that captions growing numbers of studies.

    Parameters
    ----------
    seconds : dict of int to list[float]
        Number of studies → seconds of each round.
    resident : list of float
        Megabytes after each caption of the first and longest run; empty if unknown.
    peak : float, optional
        Peak megabytes of the process; None if unknown.
    """

    seconds: dict[int, list[float]]
    resident: list[float]
    peak: float | None


def grow(bundle: Path, files: Sequence[Path], counts: Sequence[int]) -> Grown:
    """Caption the largest number first, down to the smallest and up again, so that drift cancels."""
    captioner = Captioner(bundle)
    grown = Grown({count: [] for count in counts}, [], None)
    for place, count in enumerate([*reversed(counts), *counts]):
        start = perf_counter()
        for _ in captioner.stream(repeated(files, count)):
            if place == 0 and (megabytes := resident_mb()) is not None:
                grown.resident.append(megabytes)
        grown.seconds[count].append(perf_counter() - start)
    grown.peak = peak_mb()
    return grown


def growth(setting: Setting, sizes: Sizes) -> Iterator[Result]:
    """Exponent of time, time per study of many over few, and growth of memory."""
    counts = sizes.growth
    spawn = multiprocessing.get_context("spawn")  # so that its memory holds captioning and nothing else
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        grown = process.submit(grow, setting.bundle.folder, setting.files, counts).result()
    few, most = counts[len(counts) // 2], counts[-1]
    yield Result(
        "growth.exponent",
        f"time by number of studies, {counts[0]} to {most:,} (1: linear)",
        exponent(grown.seconds),
        "",
    )
    spread, share = ratio(grown.seconds[most], grown.seconds[few]), few / most
    yield Result(
        "growth.each",
        f"time per study with {most:,}, over {few}",
        Spread(spread.median * share, spread.low * share, spread.high * share),
    )
    window = max(most // WINDOW, 1)
    first, last = grown.resident[:window], grown.resident[-window:]
    yield Result(
        "growth.memory",
        f"resident memory, last {window} of {most:,} studies less first {window}, in a fresh process",
        Spread.of([max(last) - max(first)]) if first else None,
        "MB",
        FLAT if most >= MANY else None,
    )
    yield Result(
        "growth.peak",
        f"peak resident memory of that process, {most:,} studies",
        None if grown.peak is None else Spread.of([grown.peak]),
        "MB",
    )


def resident_mb() -> float | None:
    """Resident memory of this process now, in megabytes; None if the system does not report it."""
    return _status("VmRSS")


def peak_mb() -> float | None:
    """Peak resident memory of this process, in megabytes; None if the system does not report it."""
    return _status("VmHWM")


def _status(field: str) -> float | None:
    status = Path("/proc/self/status")
    found = re.search(rf"^{field}:\s+(\d+) kB", status.read_text(), re.M) if status.is_file() else None
    return int(found[1]) / 1024 if found else None


MEASUREMENTS: dict[str, Callable[[Setting, Sizes], Iterator[Result]]] = {
    "beam": beam,
    "batch": batch,
    "length": length,
    "growth": growth,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", help="bundle to measure (default: the embedded one)")
    parser.add_argument("--images", type=Path, help="folder of radiographs (default: draw them)")
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="run only this measurement")
    parser.add_argument("--quick", action="store_true", help="measure roughly")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    arguments = parser.parse_args()
    scale, sizes = (QUICK, QUICK_SIZES) if arguments.quick else (FULL, FULL_SIZES)
    names = [name for name in MEASUREMENTS if name in (arguments.only or MEASUREMENTS)]
    with prepare(arguments.bundle, None, arguments.images, scale) as setting:
        results = (result for name in names for result in MEASUREMENTS[name](setting, sizes))
        print_results(setting, results, arguments.json, partial(print, flush=True))


if __name__ == "__main__":
    main()
