"""Tokenizations by name. A score depends on them as much as on the captions.

`plain`        NFKC, lower case, runs of letters and digits; decimal numbers stay whole; no punctuation.
`ptb`          the coco-caption way: Penn Treebank tokens, lower case, punctuation dropped (`ptb`).
`r2gen`        R2Gen's cleaning for IU X-ray, cut to 59 words; full stops are words.
`r2gen-mimic`  the same for MIMIC-CXR, cut to 99 words.

The last two flatter: they cut long references, count full stops as words and, with a vocabulary, replace rare
words of the reference by `<unk>`. Use them only to compare with published figures.
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
    """Return words and numbers in lower case.

    >>> plain("No XXXX effusion; the follow-up nodule is 1.5 cm.")
    ['no', 'xxxx', 'effusion', 'the', 'follow', 'up', 'nodule', 'is', '1.5', 'cm']
    """
    return _PLAIN.findall(unicodedata.normalize("NFKC", text).lower())


@dataclass(frozen=True, slots=True)
class Tokenization:
    """A way to split a text into words.

    Parameters
    ----------
    name : str
        Its name in signatures.
    split : callable
        Takes a text and returns its words.
    limit : int, optional
        Number of words that are kept of a text (default: all).
    vocabulary : frozenset of str, optional
        Known words; others become `<unk>` (default: all are known).
    """

    name: str
    split: Callable[[str], list[str]]
    limit: int | None = None
    vocabulary: frozenset[str] | None = None

    def tokens(self, text: str) -> Tokens:
        """Return the words of one text."""
        words = self.split(text)[: self.limit]
        if self.vocabulary is not None:
            words = [word if word in self.vocabulary else UNKNOWN for word in words]
        return tuple(words)

    def all(self, texts: Iterable[str]) -> list[Tokens]:
        """Return the words of many texts. Equal texts are split once."""
        known: dict[str, Tokens] = {}
        return [known[t] if t in known else known.setdefault(t, self.tokens(t)) for t in texts]

    def truncates(self, text: str) -> bool:
        """Return whether `limit` cuts words off."""
        return self.limit is not None and len(self.split(text)) > self.limit

    @property
    def signature(self) -> str:
        """The part of a score's signature on tokenization."""
        known = "" if self.vocabulary is None else f"|vocabulary:{len(self.vocabulary)}"
        return f"tok:{self.name}|case:lower{known}"


TOKENIZATIONS: dict[str, Tokenization] = {
    "plain": Tokenization("plain", plain),
    "ptb": Tokenization("ptb", ptb.tokens),
    "r2gen": Tokenization("r2gen", r2gen.iu_xray, limit=59),
    "r2gen-mimic": Tokenization("r2gen-mimic", r2gen.mimic_cxr, limit=99),
}


def tokenization(name: str, vocabulary: Path | None = None) -> Tokenization:
    """Return a tokenization by name.

    Parameters
    ----------
    name : str
        A key of `TOKENIZATIONS`.
    vocabulary : Path, optional
        File of known words; others become `<unk>`.

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
    """Read words from a JSON list, the keys of a JSON object, or a text file with one word per line.

    Raises
    ------
    DataError
        The file cannot be read or holds no words.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        words = json.loads(text) if text.lstrip()[:1] in ("[", "{") else text.split()
    except (OSError, ValueError) as error:
        raise DataError(
            f"is no vocabulary ({error})", subject=path, remedy="write one word per line, in UTF-8"
        ) from error
    if not words or not all(isinstance(word, str) for word in words):
        raise DataError("holds no list of words", subject=path, remedy="write one word per line, in UTF-8")
    return frozenset(words)
