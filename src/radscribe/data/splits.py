"""Parts of a dataset by a hash of the patient: adding patients never moves others."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

from radscribe.data.study import Split
from radscribe.errors import UsageError

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


@dataclass(frozen=True, slots=True)
class Parts:
    """How a dataset without official parts is parted."""

    seed: int = 0
    fractions: dict[Split, float] = field(default_factory=lambda: dict(FRACTIONS))

    def of(self, key: str) -> Split:
        """The part of a patient or study."""
        return assign(key, self.seed, self.fractions)

    def carve(self, key: str) -> Split:
        """Train or val, of a patient in an official training list that has no validation part."""
        train, val = self.fractions["train"], self.fractions["val"]
        return assign(key, self.seed, {"train": train / (train + val), "val": val / (train + val)})


def parse_fractions(text: str) -> dict[Split, float]:
    """`0.7,0.1,0.2` to the fractions of train, val and test.

    Raises
    ------
    UsageError : not three numbers from 0 to 1 that sum to 1, or nothing to train on.
    """
    try:
        train, val, test = (float(number) for number in text.split(","))
    except ValueError:
        raise UsageError(f"--fractions {text}: are not three numbers", remedy="give 0.7,0.1,0.2") from None
    if not (train > 0 and val >= 0 and test >= 0 and math.isclose(train + val + test, 1.0, abs_tol=1e-6)):
        raise UsageError(
            f"--fractions {text}: train, val and test do not sum to 1", remedy="give 0.7,0.1,0.2"
        )
    return {"train": train, "val": val, "test": test}
