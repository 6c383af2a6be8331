"""Named ways from a report to words: a score depends on them as much as on the captions.

`plain`        NFKC, lower case, runs of letters and digits; decimal numbers stay whole; no punctuation.
`ptb`          the coco-caption way: Penn Treebank tokens, lower case, punctuation dropped (`ptb`).
`r2gen`        R2Gen's cleaning for IU X-ray, cut to 60 ids (a start mark and 59 words); full stops are words.
`r2gen-mimic`  the same for MIMIC-CXR, cut to 100.

The last two flatter: long references are cut, full stops count as words, and with a vocabulary rare words of
the reference become `<unk>`. They are for comparison with published figures only.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from radscribe.errors import DataError, UsageError
from radscribe.evaluation.tokenisation import ptb, r2gen

Tokens = tuple[str, ...]
UNKNOWN = "<unk>"
_PLAIN = re.compile(r"\d+(?:\.\d+)+|\w+")


def plain(text: str) -> list[str]:
    """Words and numbers, lower-cased.

    >>> plain("No XXXX effusion; the follow-up nodule is 1.5 cm.")
    ['no', 'xxxx', 'effusion', 'the', 'follow', 'up', 'nodule', 'is', '1.5', 'cm']
    """
    return _PLAIN.findall(unicodedata.normalize("NFKC", text).lower())


@dataclass(frozen=True, slots=True)
class Tokenization:
    """A named way to words.

    Parameters
    ----------
    limit : int, optional
        Words that are kept of a text; None keeps all.
    vocabulary : frozenset[str], optional
        Words that are known; others become `<unk>`. None knows all.
    """

    name: str
    split: Callable[[str], list[str]]
    limit: int | None = None
    vocabulary: frozenset[str] | None = None

    def tokens(self, text: str) -> Tokens:
        """The words of one text."""
        words = self.split(text)[: self.limit]
        if self.vocabulary is not None:
            words = [word if word in self.vocabulary else UNKNOWN for word in words]
        return tuple(words)

    def all(self, texts: Iterable[str]) -> list[Tokens]:
        """The words of many texts; equal texts are split once."""
        known: dict[str, Tokens] = {}
        return [known[t] if t in known else known.setdefault(t, self.tokens(t)) for t in texts]

    def truncates(self, text: str) -> bool:
        """Whether `limit` cuts words off."""
        return self.limit is not None and len(self.split(text)) > self.limit

    @property
    def signature(self) -> str:
        """As it stands in a score's signature."""
        known = "" if self.vocabulary is None else f"|vocabulary:{len(self.vocabulary)}"
        return f"tok:{self.name}|case:lower{known}"


TOKENIZATIONS: dict[str, Tokenization] = {
    "plain": Tokenization("plain", plain),
    "ptb": Tokenization("ptb", ptb.tokens),
    "r2gen": Tokenization("r2gen", r2gen.iu_xray, limit=59),
    "r2gen-mimic": Tokenization("r2gen-mimic", r2gen.mimic_cxr, limit=99),
}


def tokenization(name: str, vocabulary: Path | None = None) -> Tokenization:
    """A tokenization by name, with the words of a file where one is given.

    Raises
    ------
    UsageError
        There is no such name.
    DataError
        The vocabulary cannot be read.
    """
    if name not in TOKENIZATIONS:
        raise UsageError(f"no tokenization '{name}'", remedy=f"choose one of {', '.join(TOKENIZATIONS)}")
    found = TOKENIZATIONS[name]
    if vocabulary is None:
        return found
    return Tokenization(found.name, found.split, found.limit, read_vocabulary(vocabulary))


def read_vocabulary(path: Path) -> frozenset[str]:
    """Words of a file: a JSON list, a JSON object whose keys are words, or one word a line.

    Raises
    ------
    DataError
        It cannot be read or holds no word.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        words = json.loads(text) if text.lstrip()[:1] in ("[", "{") else text.split()
    except (OSError, ValueError) as error:
        raise DataError(
            f"is no vocabulary ({error})", subject=path, remedy="write one word a line, in UTF-8"
        ) from error
    if not words or not all(isinstance(word, str) for word in words):
        raise DataError("holds no list of words", subject=path, remedy="write one word a line, in UTF-8")
    return frozenset(words)
