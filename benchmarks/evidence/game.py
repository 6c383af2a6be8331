"""The pointing game: does the highest place of a map lie on the finding, and would a fixed place do as well?

Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016, section 4.1. A hit is a highest
cell whose centre lies on the target or within a tolerance of it; the paper allows 15 pixels on pictures of
about 500. The map is compared with places that ignore the pixels: a random one, the centre of the image,
and two that know where the finding mostly is in *other* images: the mean place and the place covered most
often. The energy is the share of the map that lies on the target (Wang et al., Score-CAM, CVPR Workshops
2020), to be held against the target's share of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radscribe.evaluation.bootstrap import interval
from radscribe.inference.evidence import ImageEvidence

TOLERANCE = 0.03  # of the longer side: 15 of 500 pixels
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Point = tuple[float, float]  # x and y as shares of the sides


@dataclass(frozen=True, slots=True)
class Case:
    """One map of one finding that is there."""

    finding: str
    group: str  # patient or image: the unit that is resampled
    hit: float
    energy: float
    area: float  # of the target, share of the image
    chance: float  # area of what counts as a hit
    centre: float
    mean: float
    fixed: float


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where a finding is in other images."""

    mean: Point
    fixed: Point

    @classmethod
    def of(cls, covered: Floats) -> Elsewhere:
        """From how often each place of a raster `[h, w]` was covered."""
        height, width = covered.shape
        y, x = ((np.arange(n) + 0.5) / n for n in (height, width))
        total = covered.sum()
        row, column = divmod(int(covered.argmax()), width)
        return cls(
            (float((covered.sum(0) * x).sum() / total), float((covered.sum(1) * y).sum() / total)),
            (float(x[column]), float(y[row])),
        )


def widened(mask: Mask, tolerance: float = TOLERANCE) -> Mask:
    """A mask with all that lies within the tolerance of it, in x and in y."""
    reach = round(tolerance * max(mask.shape))
    for axis in (0, 1):
        counts = np.cumsum(mask, axis=axis)
        padded = np.concatenate([np.zeros_like(counts.take([0], axis)), counts], axis)
        size = mask.shape[axis]
        low, high = (np.clip(np.arange(size) + by, 0, size) for by in (-reach, reach + 1))
        mask = padded.take(high, axis) > padded.take(low, axis)
    return mask


def play(evidence: ImageEvidence, of: str | int, finding: str, mask: Mask, elsewhere: Elsewhere) -> Case:
    """The game with the map of a finding or a word; `mask` `[H, W]` is where the finding is."""
    counts = widened(mask)
    height, width = mask.shape
    heat = evidence.heat(of).astype(np.float64)
    x, y = evidence.peak(of)

    def hit(point: Point) -> float:
        row, column = (min(int(share * n), n - 1) for share, n in zip(point[::-1], mask.shape, strict=True))
        return float(counts[row, column])

    return Case(
        finding,
        evidence.file,
        hit((x / width, y / height)),
        float(heat[mask].sum() / heat.sum()),
        float(mask.mean()),
        float(counts.mean()),
        hit((0.5, 0.5)),
        hit(elsewhere.mean),
        hit(elsewhere.fixed),
    )


COLUMNS = "map | finding | n | hits | random place | centre | mean place | best fixed place | energy | area"


def header() -> str:
    return f"| {COLUMNS} |\n|{'---|' * (COLUMNS.count('|') + 1)}"


def line(name: str, finding: str, cases: Sequence[Case]) -> str:
    """A row of the table; intervals are 95%, by a bootstrap over images."""
    groups = [case.group for case in cases]

    def mean(of: Callable[[Case], float]) -> str:
        return f"{np.mean([of(case) for case in cases]):.2f}"

    def with_interval(of: Callable[[Case], float]) -> str:
        values = np.array([of(case) for case in cases])
        low, high = interval(lambda rows: float(values[rows].mean()), groups)
        return f"{values.mean():.2f} ({low:.2f} to {high:.2f})"

    cells = [
        *(name, finding.replace("_", " "), str(len(cases)), with_interval(lambda case: case.hit)),
        *(mean(lambda case: case.chance), mean(lambda case: case.centre), mean(lambda case: case.mean)),
        *(mean(lambda case: case.fixed), with_interval(lambda case: case.energy)),
        mean(lambda case: case.area),
    ]
    return f"| {' | '.join(cells)} |"
