"""Say what a sentence states about the present, without its comparison with an earlier study.

"Stable cardiomegaly" is a finding, and a captioner that sees one study can only learn "cardiomegaly". Leaving
out every sentence that compares would leave out a third of what Indiana's findings sections assert.
"""

from __future__ import annotations

import re

from radscribe.text.redaction import mend_articles
from radscribe.text.sentences import compares_with_prior, split_sentences

_STUDY = (
    r"(?:exam\w*|stud\w+|radiograph\w*|films?|images?|imaging|chest|x-?rays?|comparison|ct|evaluation|X{4,})"
)
_EARLIER = r"(?:prior|previous|earlier|old|last|most recent|comparison)"
_SAME = r"(?:stable|unchanged|unaltered|similar)"
_HOW = r"(?:essentially|relatively|grossly|overall|otherwise|again|largely|significantly|appears?|also)"
_STRIPPED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), by)
    for pattern, by in (
        # ", unchanged from the prior examination", "compared to 2010", "since XXXX"
        (
            rf",? ?\(?\b(?:(?:{_HOW}|which|is|are|and) ){{0,6}}(?:{_SAME} )?(?:in \w+ )?"
            rf"(?:(?:as |when )?compared (?:to|with)|in comparison (?:to|with)|since|from|to) "
            rf"(?:the |a )?{_EARLIER}\b(?: {_STUDY}){{0,6}}(?: (?:from|dated|of)\b[^.;,]{{0,200}})?\)?",
            "",
        ),
        (r",? ?\bsince (?:the )?(?:X{4,}|\d{4}|that time)", ""),
        (r"\b(?:as|when)? ?compared (?:to|with) [^.;,]{0,200}", ""),
        # ", which is stable", "and are unchanged", "is stable in size"
        (
            rf",? ?(?:(?:which|and|but) )?(?:(?:is|are|remains?|appears?) )?(?:{_HOW} ){{0,6}}{_SAME}"
            r"(?: in (?:size|appearance|position|contour|configuration|caliber))?"
            r"(?= ?[.,;]| and (?!\w+ (?:in|for)\b)|$)",
            "",
        ),
        (rf"\b(?:{_HOW} ){{0,6}}{_SAME} (?:and|but|appearing) ", ""),
        (
            rf"\b(?:{_HOW} ){{0,6}}{_SAME} (?:position|appearance|size|contours?|configuration) of (?:the )?",
            "",
        ),
        (rf"\b(?:{_SAME}|persistent|residual|recurrent|redemonstrated|re-demonstrated) (?=[a-z])", ""),
        # "is again noted", "again seen are"
        (
            r"^(?:redemonstrated|re-demonstrated|again (?:seen|noted|demonstrated|identified|visualized))"
            r" (is|are)\b",
            r"There \1",
        ),
        (r"^(?:redemonstration of|again (?:seen|noted|demonstrated|identified)) ", ""),
        (r"\b(?:once )?again ", ""),
        (r" again\b", ""),
        (r"\bstill ", ""),
        (r"\b(?:remains|continues to be|has remained)\b", "is"),
        (r"\b(?:remain|continue to be|have remained)\b", "are"),
        (r" (?:is|are) redemonstrated\b", r" noted"),
    )
)
_LEFT_OPEN = re.compile(
    r"(?:\b(?:the|an?|is|are|of|in|with|and|from|to|appears?|than|or|which|has|have|been)\W*|^\W*)$", re.I
)
# What is left of "the cardiomediastinal silhouette is stable", and of a change.
_SAYS_NOTHING = re.compile(
    r"^(?:the )?(?:(?:cardio\w*|heart|cardiac|mediastin\w+|hilar|pulmonary|lungs?|bones?|bony|osseous|and"
    r"|size|aortic) ){0,6}"
    r"(?:silhouettes?|size|contours?|mediastinum|heart|lungs|aorta|structures?|vasculature|findings)"
    r"(?: (?:is|are|noted|seen)){0,6}\W*$"
    r"|\b(?:is|are|appears?) (?:of|in|with)? ?[.;,]"
    r"|\b(?:in|de)creased(?:,|\.|$)|\bremoval\b|\bremoved\b",
    re.I,
)
SHORTEST = 2  # words


def say_without_prior(text: str) -> str:
    """Rewrite the sentences that compare with an earlier study; drop those that only compare.

    Parameters
    ----------
    text : str
        One section of a report.

    Returns
    -------
    str
        The text without comparisons.

    Examples
    --------
    >>> say_without_prior("Stable mild cardiomegaly. The heart remains enlarged. Effusion has decreased.")
    'Mild cardiomegaly. The heart is enlarged.'
    """
    return " ".join(s for s in map(_present, split_sentences(text)) if s)


def _present(sentence: str) -> str:
    if not compares_with_prior(sentence):
        return sentence
    for pattern, by in _STRIPPED:
        sentence = pattern.sub(by, sentence)
    sentence = re.sub(r" ([.,;])", r"\1", " ".join(sentence.split())).lstrip(" ,;")
    sentence = mend_articles(sentence)
    words = len(re.findall(r"\w+", sentence))
    if (
        words < SHORTEST
        or _LEFT_OPEN.search(sentence)
        or _SAYS_NOTHING.search(sentence)
        or compares_with_prior(sentence)
    ):
        return ""
    return sentence[:1].upper() + sentence[1:]
