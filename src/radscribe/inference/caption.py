"""`Caption`: what radscribe says about a study."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from radscribe.inference.evidence import ImageEvidence
from radscribe.labels import DISCLAIMER
from radscribe.text.findings import Status

__all__ = ["DISCLAIMER", "Alternative", "Caption", "Token"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word or punctuation mark of the caption.

    Parameters
    ----------
    text : str
        The token.
    log_probability : float
        Its log-probability by the model.
    start, end : int
        Its character positions in the caption's text.
    finding : str, optional
        The finding that it speaks of, by the labeller.
    status : {"present", "absent", "uncertain"}, optional
        What the caption says of that finding.
    doubtful : bool
        Whether the finding's probability speaks against what the caption says.
    """

    text: str
    log_probability: float
    start: int = 0
    end: int = 0
    finding: str | None = None
    status: Status | None = None
    doubtful: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the token as JSON writes it."""
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
    """Another caption that the search found.

    Parameters
    ----------
    text : str
        The caption.
    log_probability : float
        Log-probability of the whole text, including its end.
    """

    text: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class Caption:
    """The draft for one study.

    Exactly one of `text`, `refused` and `error` is set.

    Parameters
    ----------
    study : str
        What the study is called.
    files : tuple of str
        The files of the study.
    bundle : str
        Id of the model.
    text : str, optional
        The caption.
    tokens : tuple of Token
        The tokens of the text.
    log_probability : float, optional
        Log-probability of the whole text, including its end.
    alternatives : tuple of Alternative
        The other captions, best first, if `n_best` asked for them.
    findings : dict of str to float
        Finding to calibrated probability. Empty if there is no caption.
    warnings : tuple of str
        What a reader must know. The first one says that this is a draft.
    refused : str, optional
        Why the study is not captioned.
    error : str, optional
        Why its files could not be read.
    left_out : dict of str to str
        File to the reason why it had no part in the caption.
    used : tuple of str
        The files that the caption was written from.
    failed : bool
        Whether there is no caption, or one of the files could not be read.
    evidence : tuple of ImageEvidence
        Maps of each image that was used, if `evidence` asked for them.
    confidence : float, optional
        Calibrated probability that every finding that the caption asserts is there. None if it asserts none,
        or if the bundle is not calibrated.
    normality : float, optional
        Calibrated probability that no finding is there. None if the bundle is not calibrated.
    doubtful_findings : tuple of str
        Findings that the caption asserts although they are less likely than not.
    unsaid_findings : tuple of str
        Findings that the caption does not assert although they are at least as likely as not.
    not_assessed : tuple of str
        Findings that the model cannot judge. The caption neither asserts nor denies them.
    sections : dict of str to str
        Section ("findings", "impression") to its part of `text`. Empty if the model writes no sections.
    context : tuple of str
        What the caption was written with beside the images: "indication", "prior images", "prior report".
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
    used: tuple[str, ...] = ()
    failed: bool = False
    evidence: tuple[ImageEvidence, ...] = field(default=(), compare=False, repr=False)
    confidence: float | None = None
    normality: float | None = None
    doubtful_findings: tuple[str, ...] = ()
    unsaid_findings: tuple[str, ...] = ()
    not_assessed: tuple[str, ...] = ()
    sections: dict[str, str] = field(default_factory=dict)
    context: tuple[str, ...] = ()

    def section_starts(self) -> dict[str, int]:
        """Return where each section starts in `text`, in order of the text."""
        starts: dict[str, int] = {}
        at = 0
        for name, part in self.sections.items():
            start = (self.text or "").find(part, at)
            if start >= 0:
                starts[name] = start
                at = start + len(part)
        return starts

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``radscribe caption --format json`` prints."""
        return {
            "study": self.study,
            "files": list(self.files),
            "text": self.text,
            "sections": self.sections,
            "tokens": [token.to_dict() for token in self.tokens],
            "log_probability": _rounded(self.log_probability),
            "alternatives": [
                {"text": a.text, "log_probability": round(a.log_probability, 5)} for a in self.alternatives
            ],
            "findings": {name: round(p, 5) for name, p in self.findings.items()},
            "warnings": list(self.warnings),
            "refused": self.refused,
            "error": self.error,
            "used": list(self.used),
            "left_out": self.left_out,
            "bundle": self.bundle,
            "evidence": [image.to_dict() for image in self.evidence],
            "confidence": _rounded(self.confidence),
            "normality": _rounded(self.normality),
            "doubtful_findings": list(self.doubtful_findings),
            "unsaid_findings": list(self.unsaid_findings),
            "not_assessed": list(self.not_assessed),
            "context": list(self.context),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
