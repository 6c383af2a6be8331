"""The largest of many numbers, row by row, in an order that is certain."""

from __future__ import annotations

import numpy as np

from radscribe.inference.search.step import Doubles, Integers


def largest(values: Doubles, count: int) -> tuple[Doubles, Integers]:
    """The `count` largest of each row `[N, K]`, the largest first, and their places, both `[N, count]`.

    Equal values stand by rising place, and where not all of them find room the first ones are taken: partial
    sorting alone would take any. A row of fewer numbers is filled up with minus infinity at place 0.
    """
    size = values.shape[1]
    row = np.arange(len(values))[:, None]
    some = size > count + 1
    if some:  # one more than asked for: is the last one that is taken equal to the next?
        places = values.argpartition(size - count - 1, axis=1)[:, size - count - 1 :]
        places.sort(axis=1)
    else:
        places = np.broadcast_to(np.arange(size), values.shape)
    found = values[row, places]
    order = (-found).argsort(axis=1, kind="stable")
    found, places = found[row, order], places[row, order]
    if some:
        tied = (found[:, -2] == found[:, -1]) & (found[:, -1] > -np.inf)
        for wrong in tied.nonzero()[0]:
            places[wrong] = (-values[wrong]).argsort(kind="stable")[: count + 1]
    elif size < count:
        room = ((0, 0), (0, count - size))
        found, places = np.pad(found, room, constant_values=-np.inf), np.pad(places, room)
    return found[:, :count], places[:, :count]
