"""R2Gen's cleaning of reports, rule by rule, with its oddities.

Chen et al., Generating Radiology Reports via Memory-driven Transformer, EMNLP 2020; `modules/tokenizers.py`
of their repository. List numbers are removed, ". " separates sentences, some signs inside them are deleted
(so "1.5" becomes "15"), and each sentence ends with a full stop that is a word of its own.
"""

from __future__ import annotations

import re

# The order matters: each rule sees the result of the previous ones.
_LIST_NUMBERS = (
    ("1. ", ""),
    *((f". {number}. ", ". ") for number in range(2, 6)),
    *((f" {number}. ", ". ") for number in range(2, 6)),
)
# Their character class has the range from ":" to "[" and no hyphen: "follow-up" stays one word.
_DELETED = re.compile(r"[.,?;*!%^&_+():-\[\]{}\"/\\']")


def iu_xray(report: str) -> list[str]:
    """Return the words of an IU X-ray report.

    >>> iu_xray("1. Heart is normal. 2. No effusion.")
    ['heart', 'is', 'normal', '.', 'no', 'effusion', '.']
    """
    return _sentences(_repeat(report, "..", ".", 3))


def mimic_cxr(report: str) -> list[str]:
    """Return the words of a MIMIC-CXR report; line breaks and marks of redaction are removed first."""
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
