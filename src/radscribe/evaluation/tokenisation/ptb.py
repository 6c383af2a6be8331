"""Penn Treebank tokens of reports without Java, as coco-caption's `PTBTokenizer` gives them.

That tokenizer is Stanford's PTBLexer (CoreNLP 3.4.1) with `-lowerCase`; coco-caption then drops fifteen
signs. This module has the rules that reports need: hyphens and slashes within words, decimal numbers,
contractions, abbreviations that keep their full stop, brackets by name (in lower case, so they are not
dropped), American spelling. docs/guides/evaluation.md says on how many real reports the two are equal, and
what differs.
"""

from __future__ import annotations

import html
import re

# As in coco-caption, which misses "-LRB-" and the like because they are in lower case by then.
DROPPED = frozenset(
    ["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";", "..", '"', "\ufffd"]
)
DROPPED |= frozenset("“”‘’–—…")
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


def tokens(text: str) -> list[str]:
    """Return the words of a report.

    >>> tokens("The left-sided effusion (small) isn't 1.5 cm.")
    ['the', 'left-sided', 'effusion', '-lrb-', 'small', '-rrb-', 'is', "n't", '1.5', 'cm']
    """
    lowered = " ".join(html.unescape(text).split()).lower()
    for pattern, american in _SPELLINGS:
        lowered = pattern.sub(american, lowered)
    found = (_BRACKETS.get(word, word) for word in (match[0] for match in _WORD.finditer(lowered)))
    return [word for word in found if word not in DROPPED]
