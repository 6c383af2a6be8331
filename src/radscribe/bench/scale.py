"""How much to measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of the measurements.

    Parameters
    ----------
    images : distinct files at most; phantoms are fewer.
    studies : captioned in one timed run.
    rounds : how often the sides of a comparison run in turn.
    widths : of the beam, compared with greedy.
    batches : of the encoder; the first is the measure of the others.
    growth : numbers of studies, rising.
    lengths : tokens of a caption, rising; spread over less where the bundle's captions are shorter.
    starts : rounds of whole processes.
    """

    images: int
    studies: int
    rounds: int
    widths: tuple[int, ...]
    batches: tuple[int, ...]
    growth: tuple[int, ...]
    lengths: tuple[int, ...]
    starts: int


FULL = Scale(
    images=64,
    studies=128,
    rounds=7,
    widths=(2, 3, 5, 10),
    batches=(1, 8, 32),
    growth=(1, 4, 16, 64, 256, 1024, 4096),
    lengths=(10, 20, 40, 80),
    starts=7,
)
QUICK = Scale(
    images=8,
    studies=32,
    rounds=3,
    widths=(3,),
    batches=(1, 8, 32),
    growth=(1, 4, 16, 64),
    lengths=(10, 20, 40, 80),
    starts=3,
)
