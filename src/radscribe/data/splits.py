"""Split a dataset by a hash of the patient, so that adding patients never moves others."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

from radscribe.data.study import Split
from radscribe.errors import UsageError

FRACTIONS: dict[Split, float] = {"train": 0.7, "val": 0.1, "test": 0.2}


def unit_hash(key: str, seed: int = 0) -> float:
    """Return a number in [0, 1) that depends only on the key and the seed."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def assign(key: str, seed: int = 0, fractions: dict[Split, float] | None = None) -> Split:
    """Return the part of a patient, or of a study if there are no patients.

    Parameters
    ----------
    key : str
        Id of the patient or study.
    seed : int
        Another seed gives another split.
    fractions : dict, optional
        Share of each part, in order. They sum to 1.
    """
    position, edge = unit_hash(key, seed), 0.0
    parts = FRACTIONS if fractions is None else fractions
    for name, fraction in parts.items():
        edge += fraction
        if position < edge:
            return name
    return list(parts)[-1]


@dataclass(frozen=True, slots=True)
class Parts:
    """How to split a dataset that has no official split.

    Parameters
    ----------
    seed : int
        Another seed gives another split.
    fractions : dict
        Share of each part.
    """

    seed: int = 0
    fractions: dict[Split, float] = field(default_factory=lambda: dict(FRACTIONS))

    def of(self, key: str) -> Split:
        """Return the part of a patient or study."""
        return assign(key, self.seed, self.fractions)

    def carve(self, key: str) -> Split:
        """Return train or val, for a patient of an official training list without a validation part."""
        train, val = self.fractions["train"], self.fractions["val"]
        return assign(key, self.seed, {"train": train / (train + val), "val": val / (train + val)})


def parse_fractions(text: str) -> dict[Split, float]:
    """Read `0.7,0.1,0.2` as the fractions of train, val and test.

    Raises
    ------
    UsageError
        These are not three numbers from 0 to 1 that sum to 1, or nothing is left to train on.
    """
    try:
        train, val, test = (float(number) for number in text.split(","))
    except ValueError:
        raise UsageError(f"--fractions {text}: is not three numbers", remedy="give 0.7,0.1,0.2") from None
    if not (train > 0 and val >= 0 and test >= 0 and math.isclose(train + val + test, 1.0, abs_tol=1e-6)):
        raise UsageError(
            f"--fractions {text}: train, val and test do not sum to 1", remedy="give 0.7,0.1,0.2"
        )
    return {"train": train, "val": val, "test": test}
