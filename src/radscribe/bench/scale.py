"""How much to measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of the measurements.

    Parameters
    ----------
    images : int
        Distinct files at most; phantoms are fewer.
    studies : int
        Captioned in one timed run.
    rounds : int
        How often the sides of a comparison run in turn.
    widths : tuple of int
        Widths of the beam, compared with greedy.
    batches : tuple of int
        Batches of the encoder; the first is the measure of the others.
    growth : tuple of int
        Numbers of studies, rising.
    lengths : tuple of int
        Tokens of a caption, rising; spread over less where the bundle's captions are shorter.
    starts : int
        Rounds of whole processes.
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
