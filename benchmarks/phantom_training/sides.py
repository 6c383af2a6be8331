"""Count how often a caption names the same side as the report."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radscribe.text.findings import find
from radscribe.text.sentences import sentence_spans

_SIDE = re.compile(r"\b(left|right)\b")


def sided(text: str) -> dict[str, str]:
    """The side of each asserted finding whose sentence names one.

    >>> sided("The heart is normal in size. There is a small left pleural effusion. No pneumothorax.")
    {'Effusion': 'left'}
    """
    sides: dict[str, str] = {}
    for start, end in sentence_spans(text):
        if side := _SIDE.search(text, start, end):
            for mention in find(text[start:end]):
                if mention.status == "present":
                    sides[mention.finding] = side[0]
    return sides


def sides_right(captions: Sequence[str], reports: Sequence[str]) -> float:
    """Share of equal sides among findings for which both name one."""
    pairs = [
        (said[finding], side)
        for said, written in ((sided(a), sided(b)) for a, b in zip(captions, reports, strict=True))
        for finding, side in written.items()
        if finding in said
    ]
    return sum(a == b for a, b in pairs) / max(len(pairs), 1)
