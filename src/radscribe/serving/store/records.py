"""Records of the store: study ids, images and drafts."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from radscribe.imaging.radiograph import View

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32
LENGTH = 26
PATTERN = f"^[{ALPHABET}]{{{LENGTH}}}$"


def new_id() -> str:
    """Make a study id from 48 bits of time in milliseconds and 80 random bits."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(ALPHABET[value >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An uploaded image of a study; `file` is None if it could not be read, and `error` says why."""

    n: int
    name: str
    file: str | None = None
    error: str | None = None
    view: View = "unknown"
    height: int | None = None
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Shipping:
    """The objects that a destination gets of a draft, and of a reviewed one."""

    destination: str
    draft: tuple[str, ...]
    verified: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """The result of captioning a study."""

    status: str
    bundle: str
    document: bytes  # JSON
    text: str | None = None
    evidence: bytes | None = None  # JSON, deflated
    findings: tuple[tuple[str, float], ...] = ()
