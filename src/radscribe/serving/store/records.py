"""Records of the store: ids of studies, an image as it was taken in, the draft of a study."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from radscribe.imaging.radiograph import View

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32
LENGTH = 26
PATTERN = f"^[{ALPHABET}]{{{LENGTH}}}$"


def new_id() -> str:
    """48 bits of milliseconds, then 80 random ones."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(ALPHABET[value >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image of a study as it was taken in; `file` is None where `error` says why it is none."""

    n: int
    name: str
    file: str | None = None
    error: str | None = None
    view: View = "unknown"
    height: int | None = None
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What the engine said of a study."""

    status: str
    bundle: str
    document: bytes  # JSON
    text: str | None = None
    evidence: bytes | None = None  # JSON, deflated
    findings: tuple[tuple[str, float], ...] = ()
