"""Marks the findings of caption and reference in both texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from radscribe.evaluation.findings.assertions import (
    ABSENT,
    FINDINGS,
    PRESENT,
    UNCERTAIN,
    UNSAID,
    Codes,
    Labelled,
)
from radscribe.evaluation.findings.reading_errors import sides, wrong_side
from radscribe.evaluation.page.markup import Markup, escape, join, tag
from radscribe.text.findings import Mention

# Worst last: if mentions overlap, the worse one is shown.
KINDS = ("", "denied", "doubt", "agree", "missed", "invented", "against")
WORDS = {
    "agree": "asserted by both",
    "denied": "denied by both",
    "doubt": "in doubt in one of them",
    "missed": "missed by the caption",
    "invented": "invented by the caption",
    "against": "contradicted, or on the other side",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """Two texts with their marks, and the findings of each kind."""

    caption: Markup
    reference: Markup
    findings: dict[str, list[str]]

    @property
    def wrong(self) -> int:
        """Findings missed, invented or contradicted."""
        return sum(len(self.findings.get(kind, [])) for kind in ("missed", "invented", "against"))


def compare(caption: str, reference: str, labelled: Labelled) -> Compared:
    """Mark the mentions of both texts."""
    said, written = labelled.codes([caption])[0], labelled.codes([reference])[0]
    left = sides(labelled.mentions(caption))
    right = sides(labelled.mentions(reference))
    kinds = [verdict(int(a), int(b)) for a, b in zip(said, written, strict=True)]
    for place in wrong_side(left, right).nonzero()[0]:
        kinds[place] = "against"
    findings: dict[str, list[str]] = {}
    for name, kind in zip(FINDINGS, kinds, strict=True):
        if kind in ("agree", "missed", "invented", "against"):
            findings.setdefault(kind, []).append(name.replace("_", " "))
    return Compared(
        _marked(caption, labelled.mentions(caption), said, kinds, missed="", invented="invented"),
        _marked(reference, labelled.mentions(reference), written, kinds, missed="missed", invented=""),
        findings,
    )


def verdict(said: int, written: int) -> str:
    """Return the kind of a pair of statuses."""
    pair = {said, written}
    if pair == {PRESENT}:
        return "agree"
    if pair == {ABSENT}:
        return "denied"
    if pair == {PRESENT, ABSENT}:
        return "against"
    if UNCERTAIN in pair:
        return "doubt"
    if PRESENT in pair:
        return "invented" if said == PRESENT else "missed"
    return ""


def verdicts(compared: Compared) -> Markup:
    """Return the findings by kind, as a list."""
    items = [
        tag("li", tag("b", f"{WORDS[kind].split(',')[0].capitalize()}: "), ", ".join(names), class_=kind)
        for kind in ("invented", "missed", "against", "agree")
        if (names := compared.findings.get(kind))
    ]
    if not items:
        items = [tag("li", "Neither asserts a finding.")]
    return tag("ul", *items, class_="verdict")


def _marked(
    text: str, mentions: Sequence[Mention], codes: Codes, kinds: Sequence[str], missed: str, invented: str
) -> Markup:
    """The text with a mark on each word of a mention whose status decides its finding."""
    shown = [0] * len(text)
    code = {"absent": ABSENT, "uncertain": UNCERTAIN, "present": PRESENT}
    for mention in mentions:
        if mention.finding not in FINDINGS:
            continue
        place = FINDINGS.index(mention.finding)
        if code[mention.status] != codes[place] or codes[place] == UNSAID:
            continue
        kind = {"missed": missed, "invented": invented}.get(kinds[place], kinds[place])
        for position in range(max(mention.start, 0), min(mention.end, len(text))):
            shown[position] = max(shown[position], KINDS.index(kind))
    runs = groupby(zip(text, shown, strict=True), key=lambda pair: pair[1])
    return join(
        tag("mark", piece, class_=KINDS[kind], title=WORDS[KINDS[kind]]) if kind else escape(piece)
        for kind, pairs in runs
        for piece in ["".join(character for character, _ in pairs)]
    )
