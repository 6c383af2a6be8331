"""Parts of a dataset by a hash of the patient: adding patients never moves others."""

from __future__ import annotations

import hashlib

from radscribe.data.study import Split

FRACTIONS: dict[Split, float] = {"train": 0.7, "val": 0.1, "test": 0.2}


def unit_hash(key: str, seed: int = 0) -> float:
    """A number in [0, 1) that depends on nothing but the key and the seed."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def assign(key: str, seed: int = 0, fractions: dict[Split, float] | None = None) -> Split:
    """The part of a patient (of a study, where the source has no patients).

    Parameters
    ----------
    fractions : of each part, in order; they sum to 1.
    """
    position, edge = unit_hash(key, seed), 0.0
    parts = FRACTIONS if fractions is None else fractions
    for name, fraction in parts.items():
        edge += fraction
        if position < edge:
            return name
    return list(parts)[-1]
