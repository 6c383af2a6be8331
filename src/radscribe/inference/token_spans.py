"""Where each token of a caption stands in its text, and which finding it speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from radscribe.text.findings import Mention, Status, find
from radscribe.text.tokenizer import CONTINUES

_SAID: dict[Status, int] = {"present": 0, "uncertain": 1, "absent": 2}


class TokenSpan(NamedTuple):
    """A token's place `text[start:end]`, and the mention of a finding that it is part of, if any."""

    start: int
    end: int
    mention: Mention | None


def token_spans(text: str, tokens: Sequence[str]) -> list[TokenSpan]:
    """The span of each token of a decoded text.

    Of several mentions that a token is part of the shortest counts, as the one that is most about it; of
    equally long ones what is asserted comes before doubt and denial, and then the first that the labeller
    found ("the lungs are clear" denies eight findings at once). `Normal` is no finding that a word names.

    Parameters
    ----------
    text : as `ReportTokenizer.decode` writes it: the tokens, cased and spaced again, and nothing else.
    tokens : a token that the text leaves out, such as `<unk>`, gets an empty span.
    """
    return [
        TokenSpan(start, end, next((m for m in _mentions(text) if start < m.end and m.start < end), None))
        for start, end in _places(text, tokens)
    ]


@lru_cache(maxsize=1024)  # captions of many studies are alike
def _mentions(text: str) -> tuple[Mention, ...]:
    named = [mention for mention in find(text) if mention.finding != "Normal"]
    return tuple(sorted(named, key=lambda m: (m.end - m.start, _SAID[m.status])))  # stable


def _places(text: str, tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    position = 0
    for token in tokens:
        word = token.removeprefix(CONTINUES)
        start = position + len(text[position:]) - len(text[position:].lstrip())
        end = start + len(word)
        if text[start:end].lower() == word.lower():
            position = end
            yield start, end
        else:
            yield position, position
