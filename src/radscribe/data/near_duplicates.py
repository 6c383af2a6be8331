"""Pairs of equal images among many, by their hashes, without comparing each with each.

Hashes that differ in at most 15 of 256 bits agree in at least one of 16 bands of 16 bits: only images that
share a band are compared.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from radscribe.data.image_hash import SAME, Hashes

BANDS = SAME + 1
Places = npt.NDArray[np.int64]
_POPULATION = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)


def pairs_across(
    hashes: Hashes, parts: npt.NDArray[np.integer], most: int = SAME
) -> list[tuple[int, int, int]]:
    """Pairs of images in different parts that are the same, with the bits they differ in, by place.

    Parameters
    ----------
    hashes : `[N, 4]`.
    parts : `[N]`, the part of each image.
    """
    found: dict[tuple[int, int], int] = {}
    data = hashes.view(np.uint8)
    for one, other in _sharing_a_band(hashes):
        differ = parts[one] != parts[other]
        one, other = one[differ], other[differ]
        distance = _POPULATION[data[one] ^ data[other]].sum(1, dtype=np.int64)
        for k in np.flatnonzero(distance <= most):
            found[int(one[k]), int(other[k])] = int(distance[k])
    return [(one, other, bits) for (one, other), bits in sorted(found.items())]


def _sharing_a_band(hashes: Hashes) -> Iterator[tuple[Places, Places]]:
    """Places of images that share a band, the lower one first; a pair comes once for each band it shares."""
    bands = _scattered(hashes)
    for band in range(BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        values = bands[order, band]
        start, step = np.arange(len(hashes)), 1
        while True:  # each with its next neighbour of the same value, then with the one after that, ...
            start = start[start + step < len(hashes)]
            start = start[values[start] == values[start + step]]
            if not len(start):
                break
            yield order[start], order[start + step]
            step += 1


def _scattered(hashes: Hashes) -> npt.NDArray[np.uint16]:
    """The bands of each hash, `[N, 16]`; each takes bits of all frequencies, so that none is constant."""
    count = len(hashes)
    bits = np.unpackbits(hashes.view(np.uint8), axis=1).reshape(count, 16, BANDS)
    rows = np.arange(16)[:, None]
    # Row r of the frequencies is turned by r: a band is a diagonal and not one column of frequencies.
    turned = bits[:, rows, (np.arange(BANDS)[None] + rows) % BANDS]  # [N, 16, 16]
    return np.packbits(turned.transpose(0, 2, 1).reshape(count, 16 * BANDS), axis=1).view(np.uint16)
