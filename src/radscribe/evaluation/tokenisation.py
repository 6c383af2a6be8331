"""Tokenizations by name. A score depends on them as much as on the captions.

`plain`        NFKC, lower case, runs of letters and digits; decimal numbers stay whole; no punctuation.
`ptb`          coco-caption's way: Penn Treebank tokens, lower case, punctuation dropped.
`r2gen`        R2Gen's cleaning for IU X-ray, cut to 59 words; full stops are words.
`r2gen-mimic`  the same for MIMIC-CXR, cut to 99 words.

The last two flatter: they cut long references, count full stops as words and, with a vocabulary, replace rare
words of the reference by `<unk>`. Use them only to compare with published figures.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from radscribe.errors import DataError, UsageError

Tokens = tuple[str, ...]
UNKNOWN = "<unk>"
_PLAIN = re.compile(r"\d+(?:\.\d+)+|\w+")


def plain(text: str) -> list[str]:
    """Return words and numbers in lower case.

    >>> plain("No XXXX effusion; the follow-up nodule is 1.5 cm.")
    ['no', 'xxxx', 'effusion', 'the', 'follow', 'up', 'nodule', 'is', '1.5', 'cm']
    """
    return _PLAIN.findall(unicodedata.normalize("NFKC", text).lower())


# As in coco-caption, which misses "-LRB-" and the like because they are in lower case by then.
DROPPED = frozenset(
    ["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";", "..", '"', "\ufffd", *"“”‘’–—…"]
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
# Abbreviations that keep their full stop within a sentence.
_ABBREVIATION = (
    r"(?:dr|mr|mrs|ms|prof|st|jr|sr|figs?|nos?|vs|etc|approx|dept|inc|co|corp|ltd|ct|ft|sgt|lt|col|gen|rev"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tues?|wed|thurs?|fri|sat|sun|bid|ph|ed|al|ext)"
)
_NUMBER = r"\d+(?:[.,:]\d+)*"
_WORD = re.compile(
    rf"""
    (?P<cut>[^\W\d_]+(?=n't\b))                                   # do|n't
    |can(?=not\b)|(?<=can)not\b
    |(?P<clitic>n't\b|'(?:s|m|d|re|ve|ll)\b)
    |(?:[a-z]\.){{2,}}                                            # p.m.
    |{_ABBREVIATION}\.(?=\s+\S)
    |(?<![\w.])[a-z]\.(?=\s+\S)                                   # an initial
    |</?[a-z]+\s*/?>                                              # a tag
    |(?:(?<=\s)|^)[.,:+-]?{_NUMBER}(?![\w/-])                     # a number, with the sign before it
    |{_NUMBER}(?![\w/-])
    |[^\W\d_]{{2,}}(?:\.[^\W\d_]{{2,}})+                             # limits.The, as a web address
    |[^\W_]+(?:[-/][^\W_]+)*                                      # words, hyphens and slashes within
    |\.{{2,}}|-{{2,}}|\?+|!+
    |\S
    """,
    re.X,
)
_SPELLINGS = (
    (re.compile(r"\b(col|hum|rum|vap|lab|harb|neighb|od)our"), r"\1or"),
    (re.compile(r"\bcent(re)(?=s?\b)"), "center"),
)


def penn_treebank(text: str) -> list[str]:
    """Return Penn Treebank tokens of a report without Java, as coco-caption's `PTBTokenizer` gives them.

    That tokenizer is Stanford's PTBLexer (CoreNLP 3.4.1) with `-lowerCase`; coco-caption then drops fifteen
    signs. This function has the rules that reports need: hyphens and slashes within words, decimal numbers,
    contractions, abbreviations that keep their full stop, brackets by name (in lower case, so they are not
    dropped), American spelling. docs/guides/evaluation.md says on how many real reports the two are equal,
    and what differs.

    >>> penn_treebank("The left-sided effusion (small) isn't 1.5 cm.")
    ['the', 'left-sided', 'effusion', '-lrb-', 'small', '-rrb-', 'is', "n't", '1.5', 'cm']
    """
    lowered = " ".join(html.unescape(text).split()).lower()
    for pattern, american in _SPELLINGS:
        lowered = pattern.sub(american, lowered)
    found = (_BRACKETS.get(word, word) for word in (match[0] for match in _WORD.finditer(lowered)))
    return [word for word in found if word not in DROPPED]


# The order matters: each rule sees the result of the previous ones.
_LIST_NUMBERS = (
    ("1. ", ""),
    *((f". {number}. ", ". ") for number in range(2, 6)),
    *((f" {number}. ", ". ") for number in range(2, 6)),
)
# Their character class has the range from ":" to "[" and no hyphen: "follow-up" stays one word.
_DELETED = re.compile(r"[.,?;*!%^&_+():-\[\]{}\"/\\']")


def iu_xray(report: str) -> list[str]:
    """Return the words of an IU X-ray report, cleaned as R2Gen does it, rule by rule.

    Chen et al., Generating Radiology Reports via Memory-driven Transformer, EMNLP 2020;
    `modules/tokenizers.py` of their repository. List numbers are removed, ". " separates sentences, some
    signs inside them are deleted (so "1.5" becomes "15"), and each sentence ends with a full stop that is a
    word of its own.

    >>> iu_xray("1. Heart is normal. 2. No effusion.")
    ['heart', 'is', 'normal', '.', 'no', 'effusion', '.']
    """
    return _sentences(_repeat(report, "..", ".", 3))


def mimic_cxr(report: str) -> list[str]:
    """Return the words of a MIMIC-CXR report as R2Gen does it, without line breaks and redactions."""
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
    "ptb": Tokenization("ptb", penn_treebank),
    "r2gen": Tokenization("r2gen", iu_xray, limit=59),
    "r2gen-mimic": Tokenization("r2gen-mimic", mimic_cxr, limit=99),
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
            f"is not a vocabulary ({error})", subject=path, remedy="write one word per line, in UTF-8"
        ) from error
    if not words or not all(isinstance(word, str) for word in words):
        raise DataError("holds no list of words", subject=path, remedy="write one word per line, in UTF-8")
    return frozenset(words)
