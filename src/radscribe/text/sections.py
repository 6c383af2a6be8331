"""Sections of a free-text report: where each heading's text begins and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from radscribe.text.report import Report

Section = Literal["indication", "comparison", "findings", "impression", "other"]

# Heading → section. What stands in "other" (technique, notices to the ward) is no part of a `Report`.
HEADINGS: dict[str, Section] = {
    r"indications?|(?:clinical |patient )?history|clinical (?:information|indication|data|statement)"
    r"|reason for (?:the )?(?:exam(?:ination)?|study)|symptoms?": "indication",
    r"comparisons?(?: (?:stud(?:y|ies)|exams?))?|priors?": "comparison",
    r"findings?|description|chest findings": "findings",
    r"impressions?|conclusions?|opinion|summary|findings?(?: and | ?/ ?)impressions?": "impression",
    r"exam(?:ination)?|procedure|stud(?:y|ies)|technique|views?|final report|wet read|recommendations?"
    r"|notifications?|addendum|attestation|dictated by|signed by|electronically signed by": "other",
}
_SECTION_OF = {re.compile(names, re.I): section for names, section in HEADINGS.items()}
_NAME = "|".join(HEADINGS)
# "Findings:" at the start of a line or after a sentence; "FINDINGS" alone on a line.
_HEADING = re.compile(
    rf"(?:^|\n|(?<=[.!?:])[ \t])[ \t]*(?:(?P<named>(?i:{_NAME}))[ \t]*:"
    rf"|(?P<alone>(?i:{_NAME}))[ \t]*(?=\n|$))"
)


@dataclass(frozen=True, slots=True)
class SectionSpan:
    """A section's text, `text[start:end]`, without its heading."""

    section: Section
    start: int
    end: int


def section_spans(text: str) -> list[SectionSpan]:
    """The sections of a report in order; they cover the text but for the headings.

    What stands before the first heading, and a text without headings, is `findings`.
    """
    spans: list[SectionSpan] = []
    section: Section = "findings"
    start = 0
    for begin, end, following in _headings(text):
        if text[start:begin].strip():
            spans.append(SectionSpan(section, start, begin))
        section, start = following, end
    if text[start:].strip():
        spans.append(SectionSpan(section, start, len(text)))
    return spans


def sections(text: str) -> Report:
    """A report's text by section, each stripped; sections of one name are joined by a line break.

    Follows the layout of MIMIC-CXR reports ("FINAL REPORT", "INDICATION:", "FINDINGS:", "IMPRESSION:").

    >>> sections("INDICATION: Cough.  FINDINGS: Lungs are clear.  IMPRESSION: Normal chest.").findings
    'Lungs are clear.'
    """
    parts: dict[Section, list[str]] = {}
    for span in section_spans(text):
        parts.setdefault(span.section, []).append(text[span.start : span.end].strip())
    joined = {section: "\n".join(texts) for section, texts in parts.items()}
    return Report(
        indication=joined.get("indication", ""),
        comparison=joined.get("comparison", ""),
        findings=joined.get("findings", ""),
        impression=joined.get("impression", ""),
    )


def _headings(text: str) -> Iterator[tuple[int, int, Section]]:
    if ":" not in text and "\n" not in text:
        return
    for match in _HEADING.finditer(text):
        name = match["named"] or match["alone"]
        if match["alone"] and not name.isupper():
            continue
        for pattern, section in _SECTION_OF.items():
            if pattern.fullmatch(name):
                yield match.start(), match.end(), section
                break
