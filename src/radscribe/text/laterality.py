"""Remove the side from a sentence.

An image label names a finding but not its side, so a caption learned from labels must not name a side.
"""

from __future__ import annotations

import re

from radscribe.text.redaction import mend_articles

_SIDE = r"(?:right|left|bilateral(?:ly)?|unilateral(?:ly)?|bi-?(?:apical|basilar|basal)|lingula\w*)"
_SIDED = rf"{_SIDE}(?:[- ]sided)?"
_PLACE = (
    r"(?:upper|middle|mid|lower|lobes?|lungs?|midlung|zones?|bases?|basal|basilar|apex|apices|apical|apicies"
    r"|chest|hemithorax|hemithoraces|lateral|medial|inferior|superior|perihilar|hilar|hilum|hila|suprahilar"
    r"|infrahilar|retrocardiac|costophrenic|angles?|sulc(?:us|i)|regions?|areas?|side)"
)
_COMPARED = re.compile(
    r",? ?\(?(?:right|left) (?:greater|more|larger|worse) than (?:the )?(?:right|left)\)?", re.I
)
# "in the right lower lobe", "of right apex", "within the left chest"; with "in both lungs".
_WHERE = re.compile(
    r",? ?\b(?:in|at|of|within|along|on|over|overlying|throughout|involving|to) (?:the |both |normal ){0,6}"
    rf"(?:{_PLACE} ){{0,6}}{_SIDED}\b(?: (?:and )?{_PLACE}\b){{0,6}}"
    rf"(?: and {_SIDED}\b(?: {_PLACE}\b){{0,6}}){{0,6}}",
    re.I,
)
# "right lower lobe pneumonia", "left-sided effusion", "bibasilar infiltrates".
_ADJECTIVE = re.compile(rf"\b{_SIDED}\b(?: {_PLACE}\b){{0,6}} ?", re.I)
_DANGLES = re.compile(r"\b(?:through(?:out)?|in|of|at|with|and|within|along|to|the|an?)\W*$", re.I)
_NAMES = re.compile(rf"\b{_SIDE}\b|\b(?:right|left)-", re.I)


def names_side(sentence: str) -> bool:
    """Return whether the sentence says right, left or both."""
    return bool(_NAMES.search(sentence))


def without_side(sentence: str) -> str:
    """Return the sentence without sides and the places that they belong to.

    The result is empty if no sentence is left.

    Examples
    --------
    >>> without_side("There is a small right pleural effusion.")
    'There is a small pleural effusion.'
    >>> without_side("In the left lower lobe there is airspace disease, right greater than left.")
    'There is airspace disease.'
    """
    sentence = " ".join(sentence.split())
    bare = _ADJECTIVE.sub("", _WHERE.sub("", _COMPARED.sub("", sentence)))
    bare = re.sub(r" ([.,;])", r"\1", " ".join(bare.split())).lstrip(" ,;")
    bare = mend_articles(bare)
    return "" if _DANGLES.search(bare) else bare[:1].upper() + bare[1:]
