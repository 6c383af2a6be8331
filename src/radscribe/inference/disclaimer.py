"""What every output says, in words and in pictures."""

from __future__ import annotations

DISCLAIMER = "Draft by a research model: not verified, not for diagnosis."
