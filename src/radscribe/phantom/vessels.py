"""The pulmonary vessels: trees that leave the hila, branch and taper."""

from __future__ import annotations

import numpy as np

from radscribe.phantom.frame import Points

Stroke = tuple[Points, float]  # points [N, 2] and radius


def tree(
    rng: np.random.Generator,
    root: tuple[float, float],
    headings: tuple[float, float],
    trunks: int,
    radius: float,
    reach: float,
) -> list[Stroke]:
    """A tree of vessels.

    Parameters
    ----------
    root : tuple[float, float]
        Where the trunks start (u, v).
    headings : tuple[float, float]
        The sector they fan out over, radians, 0 to the right of the image and π/2 downwards.
    trunks : int
        Their number.
    radius : float
        Radius of a trunk at the root.
    reach : float
        Length of a trunk's first piece.
    """
    start = np.array(root)
    strokes: list[Stroke] = []
    for heading in np.linspace(*headings, trunks) + rng.normal(0, 0.16, trunks):
        _grow(rng, start + rng.normal(0, (0.008, 0.022), 2), float(heading), radius, reach, 5, strokes)
    return strokes


def _grow(
    rng: np.random.Generator,
    start: Points,
    heading: float,
    radius: float,
    reach: float,
    generations: int,
    strokes: list[Stroke],
) -> None:
    bend = rng.normal(0, 0.30)
    turns = heading + bend * np.linspace(0, 1, 4)
    pieces = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (reach / 4)
    path = np.concatenate([start[None], start + np.cumsum(pieces, axis=0)])
    for index in range(4):  # each piece a little thinner: vessels taper
        strokes.append((path[index : index + 2], radius * (1 - 0.07 * index)))
    if generations == 0:
        return
    thinner, end = radius * 0.75, path[-1]
    for turn in (rng.uniform(0.08, 0.5), -rng.uniform(0.08, 0.5)):
        scale = rng.uniform(0.62, 0.98)
        _grow(
            rng, end, float(turns[-1] + turn), thinner * scale**0.5, reach * scale, generations - 1, strokes
        )
