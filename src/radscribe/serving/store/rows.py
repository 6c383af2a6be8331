"""What is written together: an image as it was taken in, and what the engine said of a study."""

from __future__ import annotations

from dataclasses import dataclass

from radscribe.imaging.radiograph import View


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
