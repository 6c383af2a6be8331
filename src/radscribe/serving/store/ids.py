"""Ids of studies: 26 letters and digits that sort by time and cannot be guessed, as ULIDs do."""

from __future__ import annotations

import secrets
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32
LENGTH = 26
PATTERN = f"^[{ALPHABET}]{{{LENGTH}}}$"


def new_id() -> str:
    """48 bits of milliseconds, then 80 random ones."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(ALPHABET[value >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))
