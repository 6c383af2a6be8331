"""`Caption`: what radscribe says of a study."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from radscribe.inference.evidence import ImageEvidence
from radscribe.labels import DISCLAIMER
from radscribe.text.findings import Status

__all__ = ["DISCLAIMER", "Alternative", "Caption", "Token"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign of the caption, and how likely the model held it.

    Parameters
    ----------
    start, end : where it stands in the caption's text.
    finding, status : of the mention that it is part of, by the labeller (`text.findings`), if any.
    doubtful : it says of a finding what the finding's probability speaks against (`inference.confidence`).
    """

    text: str
    log_probability: float
    start: int = 0
    end: int = 0
    finding: str | None = None
    status: Status | None = None
    doubtful: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "log_probability": round(self.log_probability, 5),
            "start": self.start,
            "end": self.end,
            "finding": self.finding,
            "status": self.status,
            "doubtful": self.doubtful,
        }


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another caption of the search, by falling rank."""

    text: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class Caption:
    """The draft for one study.

    Exactly one of `text`, `refused` and `error` is set: a caption, the reason why the study is not one to
    caption, or why its files could not be read.

    Parameters
    ----------
    findings : ChestX-ray14 name → calibrated probability; empty when there is no caption.
    log_probability : of the whole text, the end of the caption included.
    warnings : what a reader must know; the first says that this is a draft.
    bundle : id of the model that wrote it.
    left_out : file → why it had no part in the caption.
    failed : there is no caption, or one of the files could not be read.
    evidence : of each image that had a part, where it was asked for.
    confidence : calibrated probability that what the text asserts is right; None where the bundle cannot say.
    doubtful_findings : asserted, and less likely there than not.
    unsaid_findings : at least as likely there as not, and not asserted.
    """

    study: str
    files: tuple[str, ...]
    bundle: str
    text: str | None = None
    tokens: tuple[Token, ...] = ()
    log_probability: float | None = None
    alternatives: tuple[Alternative, ...] = ()
    findings: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    refused: str | None = None
    error: str | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    failed: bool = False
    evidence: tuple[ImageEvidence, ...] = field(default=(), compare=False, repr=False)
    confidence: float | None = None
    doubtful_findings: tuple[str, ...] = ()
    unsaid_findings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "study": self.study,
            "files": list(self.files),
            "text": self.text,
            "tokens": [token.to_dict() for token in self.tokens],
            "log_probability": None if self.log_probability is None else round(self.log_probability, 5),
            "alternatives": [
                {"text": a.text, "log_probability": round(a.log_probability, 5)} for a in self.alternatives
            ],
            "findings": {name: round(p, 5) for name, p in self.findings.items()},
            "warnings": list(self.warnings),
            "refused": self.refused,
            "error": self.error,
            "left_out": self.left_out,
            "bundle": self.bundle,
            "evidence": [image.to_dict() for image in self.evidence],
            "confidence": None if self.confidence is None else round(self.confidence, 5),
            "doubtful_findings": list(self.doubtful_findings),
            "unsaid_findings": list(self.unsaid_findings),
        }
