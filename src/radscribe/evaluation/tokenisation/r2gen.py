"""R2Gen's cleaning of reports, rule for rule, oddities included.

Chen et al., Generating Radiology Reports via Memory-driven Transformer, EMNLP 2020; `modules/tokenizers.py`
of their repository. List numbers go, sentences are what stands between ". ", some signs are deleted inside
them (so "1.5" reads "15"), and each sentence ends in a full stop that is a word of its own.
"""

from __future__ import annotations

import re

# In this order: a rule sees what the ones before it left.
_LIST_NUMBERS = (
    ("1. ", ""),
    *((f". {number}. ", ". ") for number in range(2, 6)),
    *((f" {number}. ", ". ") for number in range(2, 6)),
)
# Their character class holds the range from ":" to "[", and so no hyphen: "follow-up" stays one word.
_DELETED = re.compile(r"[.,?;*!%^&_+():-\[\]{}\"/\\']")


def iu_xray(report: str) -> list[str]:
    """The words of an IU X-ray report.

    >>> iu_xray("1. Heart is normal. 2. No effusion.")
    ['heart', 'is', 'normal', '.', 'no', 'effusion', '.']
    """
    return _sentences(_repeat(report, "..", ".", 3))


def mimic_cxr(report: str) -> list[str]:
    """The words of a MIMIC-CXR report: line breaks and blanks for redacted text go first."""
    text = _repeat(report.replace("\n", " "), "__", "_", 7)
    return _sentences(_repeat(_repeat(text, "  ", " ", 7), "..", ".", 8))


def _repeat(text: str, old: str, new: str, times: int) -> str:
    for _ in range(times):
        text = text.replace(old, new)
    return text


def _sentences(text: str) -> list[str]:
    for old, new in _LIST_NUMBERS:
        text = text.replace(old, new)
    sentences = text.strip().lower().split(". ")
    cleaned = [_DELETED.sub("", sentence.strip()) for sentence in sentences]
    return (" . ".join(cleaned) + " .").split()
