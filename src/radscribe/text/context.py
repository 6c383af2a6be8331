"""The texts that a decoder may read beside the images, as token ids of fixed length."""

from __future__ import annotations

import re

from radscribe.text.tokenizer import ReportTokenizer

INDICATION_TOKENS = 48
REPORT_TOKENS = 96  # of the prior study's report
_REDACTED = re.compile(r"\bX{2,}\b-?")


def readable(text: str) -> str:
    """Return a text of the context as decoders read it: without the marks of anonymised data.

    >>> readable("XXXX-year-old  male with chest XXXX")
    'year-old male with chest'
    """
    # It compiles many patterns, which captions without context do not need.
    from radscribe.text.rules import collapse_spaces

    return collapse_spaces(_REDACTED.sub(" ", text)).strip()


def context_ids(tokenizer: ReportTokenizer, text: str, length: int) -> list[int]:
    """Return the ids of a text, cut to `length` and filled up with ``<pad>``.

    An empty text is only `<pad>`, which decoders treat as absent.
    """
    ids = tokenizer.encode(readable(text), length)
    return [*ids, *[tokenizer.pad] * (length - len(ids))]
