"""Constraints on captions: each forbids next tokens of the hypotheses so far."""

from __future__ import annotations

from radscribe.inference.constraints.claims import Claims
from radscribe.inference.constraints.rules import Constraint, Forbid, NoRepeatedNgram, NotEmpty, SectionOrder
from radscribe.inference.constraints.statements import SENTENCE_ENDS, Statements
from radscribe.text.tokenizer import CONTINUES, UNREADABLE, ReportTokenizer

__all__ = [
    "Claims",
    "Constraint",
    "Forbid",
    "NoRepeatedNgram",
    "NotEmpty",
    "SectionOrder",
    "Statements",
    "of_a_caption",
]


def of_a_caption(tokenizer: ReportTokenizer) -> tuple[Constraint, ...]:
    """Constraints for every caption: real words, no five of them twice, sections in order.

    The caller adds the `Claims` of the studies with every batch.
    """
    words = tokenizer.tokens()
    marks = [i for i, token in enumerate(words) if _is_mark(token)]
    special = [tokenizer.pad, tokenizer.bos, tokenizer.unk]
    constraints: tuple[Constraint, ...] = (
        Forbid([*special, *marks]),
        NoRepeatedNgram(),
        NotEmpty(tokenizer.eos),
    )
    if not tokenizer.section_ids:
        return constraints
    ends = [i for i, token in enumerate(words) if token in SENTENCE_ENDS]
    return (*constraints, SectionOrder(tokenizer.section_ids, ends, tokenizer.eos))


def _is_mark(token: str) -> bool:
    """Whether a token is a de-identification mark, or of a byte-level vocabulary and no text on its own."""
    letters = token.lower().removeprefix(CONTINUES)
    return "xxx" in letters or letters == "xx" or not token or UNREADABLE in token
