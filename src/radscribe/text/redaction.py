"""Repair or drop sentences in which de-identification wrote `XXXX`.

47% of the Indiana University reports have such marks. They hide names and dates, and often words such as
"likely" and "angle". Only "x-XXXX" is guessed. A statement that lost its noun or its certainty is dropped.
"""

from __future__ import annotations

import re

from radscribe.text.sentences import is_redacted, split_sentences

_XRAY = re.compile(r"\bx-XXXX", re.I)
# "dated XXXX, XXXX", "from XXXX", "(XXXX)": when and where, which the statement can do without.
_WHEN = re.compile(
    r",? ?\( ?(?:dated )?X{4,}(?:[ ,/]{1,4}(?:X{4,}|\d+)){0,6} ?\)"
    r"|,? ?\b(?:(?:dated|from|since|on) ){1,3}X{4,}(?:[ ,/]{1,4}(?:X{4,}|\d+)){0,6}(?= ?(?:[.,;]|$))",
    re.I,
)
# "There are no XXXX of an effusion" said evidence or sign.
_NO_SIGN = re.compile(r"(?:\b(?P<many>are) )?\b(?P<no>no|without) X{4,} of(?P<one> an?)?\b", re.I)
# A mark was an adjective that can go where one can stand: after these words, and before none of those.
_BEFORE = (
    r"a|an|the|is|are|has been|mild\w*|minimal\w*|moderate\w*|small|large|stable|unchanged|some|scattered"
    r"|numerous|multiple|bilateral|bibasilar|basilar|left|right|thoracic|aortic|calcified|old|costophrenic|or|and"
)
_NOT_A_NOUN = (
    r"is|are|was|were|has|have|had|be|been|may|might|could|can|appears?|seen|noted|of|in|on|at|to|for|from|with"
    r"|within|and|or|but|than|as|by|which|that|this|the|an?|over(?:lying|lies)?|without|not|no|x{4,}|suited"
    r"|(?:represent|reflect|indicat|suggest|relat|correspond|demonstrat|show|caus|remain|project)\w*|due"
    r"|secondary|consistent|compatible|normal|intact|unremarkable|stable|unchanged|clear|tip|prominent"
)
_ADJECTIVE = re.compile(
    rf"(?:^|(?<=\s))(?P<before>(?:{_BEFORE}) |^)X{{4,}} (?!(?:{_NOT_A_NOUN})\b)(?=[a-z])"
    r"|(?P<median>\b(?:of|post|prior|previous) )X{4,} (?=sternotomy\b)",
    re.I,
)
_ARTICLE = re.compile(r"\b(an?)\s{1,9}(?=([a-z]))", re.I)


def drop_redacted(text: str) -> str:
    """Remove the marks, and drop each sentence that makes no sense without the hidden words.

    Examples
    --------
    >>> drop_redacted("No XXXX of pleural effusion. The XXXX are intact. XXXX opacities in the left base.")
    'No pleural effusion. Opacities in the left base.'
    """
    if not is_redacted(text):
        return text
    kept = (_mend(sentence) if is_redacted(sentence) else sentence for sentence in split_sentences(text))
    return " ".join(sentence for sentence in kept if sentence and not is_redacted(sentence))


def _mend(sentence: str) -> str:
    mended = _WHEN.sub("", _XRAY.sub("x-ray", sentence))
    mended = _ADJECTIVE.sub(_words_before, _NO_SIGN.sub(_no_sign, mended)).strip()
    mended = mend_articles(mended)
    return mended[:1].upper() + mended[1:] if " " in mended else ""


def _no_sign(words: re.Match[str]) -> str:
    verb = ("is " if words["one"] else "are ") if words["many"] else ""
    return verb + words["no"]


def _words_before(mark: re.Match[str]) -> str:
    return str(mark["before"] or mark["median"] or "")


def mend_articles(text: str) -> str:
    """Choose "a" or "an" by the letter that follows, after a word between them was removed."""
    return _ARTICLE.sub(_agree, text)


def _agree(article: re.Match[str]) -> str:
    right = "an" if article[2].lower() in "aeiou" else "a"
    return (right.capitalize() if article[1][0].isupper() else right) + " "
