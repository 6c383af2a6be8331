"""Constraints on captions: each forbids next tokens of the hypotheses so far."""

from __future__ import annotations

from radscribe.inference.constraints.claims import Claims
from radscribe.inference.constraints.rules import Constraint, Forbid, NoRepeatedNgram, NotEmpty
from radscribe.inference.constraints.statements import Statements
from radscribe.text.tokenizer import ReportTokenizer

__all__ = ["Claims", "Constraint", "Forbid", "NoRepeatedNgram", "NotEmpty", "Statements", "of_a_caption"]


def of_a_caption(tokenizer: ReportTokenizer) -> tuple[Constraint, ...]:
    """What holds for every caption: words, no de-identification mark, and no five words twice.

    The caller passes what each study lacks (`Claims`) with every batch.
    """
    marks = [i for i, token in enumerate(tokenizer.tokens()) if "xxx" in token]
    special = [tokenizer.pad, tokenizer.bos, tokenizer.unk]
    return Forbid([*special, *marks]), NoRepeatedNgram(), NotEmpty(tokenizer.eos)
