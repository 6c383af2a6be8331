"""Sentences of a report, and which of them a caption of one frontal image must not say.

A model that gets one image and no history cannot know of a prior study, of another view, or of words that
de-identification removed.
"""

from __future__ import annotations

import re
from functools import lru_cache

from radscribe.text.claims import (
    FRONTAL,
    LATERAL,
    OTHER_VIEWS,
    PAST_EVENTS,
    PRIOR,
    PRIOR_UNLESS_EVENT,
    as_pattern,
)


def _any(*words: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(words) + r")\b", re.I)


# Where a sentence may end: punctuation, a paragraph, a line, a bullet, or a list's next number.
_BREAK = re.compile(
    r"""[.!?]{1,20}['")\]]{0,9}(?:\s{1,40}|$)"""
    r"|(?<=[A-Za-z])\.(?=\d{1,2}[.)]\s?[A-Za-z])|(?<=[a-z])\.(?=[A-Z][a-z])"
    r"|(?<=[a-z]{3})\.(?=[a-z]{4})|(?<=[A-Z]{3})\.(?=[A-Z]{3})"
    r"|\s{0,9}(?:<br\s{0,3}/?>|\\r\\n|\\n)\s{0,9}"
    r"|\n[ \t\r]{0,40}\n\s{0,40}"
    r"|\n[ \t]{0,40}(?=(?:[-*]\s|[•▪●◦‣◾◽⁃∙▶►➢➤»]|\(?\d{1,2}[.)]))"
    r"|(?P<line>\n)[ \t]{0,40}"
    r"|\s?[•▪●◦‣◾◽⁃∙▶►➢➤»]\s{0,9}"
    r"|\s(?P<number>\d{1,2})(?:[.)]\s{1,9}(?=[A-Z])|[.)](?=[A-Z]))"
    r"|(?<=[a-z])(?P<glued>\d{1,2})[.)](?=[A-Z])"
    r"|\s(?P<with_dash>\d{1,2})(?:\s?[-–]|[/:])\s{1,9}(?=[A-Za-z])"
    r"|\s{0,2}[(\[](?P<in_brackets>\d{1,2})[)\]]\s{0,9}(?=[A-Za-z])"
    r"|\s(?=\(?(?:[a-hA-H]|i{1,3}|iv|vi{0,3})\)\s{1,9}[A-Za-z]|#\d{1,2}[.):]?\s)"
    r"|\s-(?=[A-Z][a-z]{2})"
)
# A text without any of this is broken by full stops alone, which are found several times as fast.
_UNUSUAL = re.compile(r"[^A-Za-z ,;:/.-]|\.(?! |$)| -")
_FULL_STOP = re.compile(r"\.(?: {1,40}|$)")
_ENUMERATION = re.compile(
    r"\s{0,40}(?:[*•▪●◦‣◾◽⁃∙▶►➢➤»]\s{0,9}(?=\S)|-\s{1,9}(?![^\n]{0,40}[\s,;]\+ ?[A-Za-z])"
    r"|[(\[]?(?P<number>\d{1,2})\s?(?:[.)\]]{1,2}(?:\s{1,9}|(?=[A-Za-z]))|[-/:]\s{1,9}(?=[A-Za-z])))?"
)
# A line goes on where it ends with one of these words, or the next begins with one of those.
_GOES_ON = re.compile(
    r"(?:,|\b(?:a|an|the|or|nor|and|of|to|in|on|at|for|with|without|no|not|is|are|was|were|has|have|be|been|by"
    r"|from|than|that|which|this|as|but|any|some|both|left|right|upper|middle|mid|lower|pleural|pulmonary|focal"
    r"|acute|small|large|mild|moderate|severe|bilateral|evidence|size|lung|cardiac|new|chest|heart|slight"
    r"|minimal|patchy|cannot|may|could|most|very|either|other|definite|significant|interstitial|airspace))$",
    re.I,
)
_CONTINUED = re.compile(
    r"(?:or|nor|and|of|to|in|on|at|for|with|without|is|are|was|were|has|have|had|be|been|by|from|than|that|which"
    r"|as|but|not|seen|identified|noted|present|may|could|can|cannot|appears?|remains?|again|due|secondary"
    r"|consistent|compatible|suggest\w*|represent\w*|excluded|visualized|since|compared|versus|vs)\b"
)
_ANSWERED = re.compile(
    r"\s{0,9}(?:yes|no|none|possibl[ey]|maybe|unlikely|n|y)\b(?=\s{0,9}[.,;]|\s{0,9}$)", re.I
)
_ANSWER_LAST = re.compile(r"[-:=?|>\t.,_\u2026]\s{0,3}no$", re.I)
_LONG = 45  # characters; a line this long has probably been wrapped
_ABBREVIATION = re.compile(
    r"\b(?:dr|mr|mrs|ms|prof|approx|vs?|eval|e\.g|i\.e|cf|fig|st|poss|prob|susp|quest|ques|pt|assoc|incl)$",
    re.I,
)
# These may also end a sentence.
_ABBREVIATION_WITHIN = re.compile(
    r"\b(?:mod|min|sm|lg|rt|lt|bilat|lat|ant|post|sup|inf|incr|decr|resp|sl|mult|pl|pulm)$", re.I
)


_REDACTED = re.compile(r"x{3,}", re.I)
_PAST = "|".join([*map(as_pattern, PAST_EVENTS), r"\w+(?:ectomy|otomy)"])
_PRIOR = _any(
    *map(as_pattern, PRIOR),
    rf"(?:{'|'.join(PRIOR_UNLESS_EVENT)})(?! (?:\w+ ){{0,2}}(?:{_PAST})\b)",
    r"(?:has|have) \w+ (?:in|de)creased|not \w+ changed",
    r"(?:nodules?|mass|effusions?|opacit\w+|consolidation)[^.;,]{0,80} (?:is|are) (?:\w+ )?"
    r"(?:\w+ )?(?:in|de)creased",
    r"(?:larger|smaller|(?:more|less) prominent) than (?:on|in|before|the|prior|previous\w*)",
)
_OTHER_VIEW = _any(
    *map(as_pattern, (*LATERAL, *FRONTAL, *OTHER_VIEWS)),
    r"(?:on|in) (?:the )?laterals?|views?|projections?",
    r"laterals? (?:\w+ )?(?:views?|films?|images?|exam\w*|radiographs?)|films?|images?|technique",
    r"AP \w+ (?:diameter|dimension)",
    r"posterior(?:ly)? (?:\w+ )?(?:costophrenic|cp|sulc\w+|gutters?|diaphragm\w*)",
    r"CT|MRI|PET|scan|tomograph\w*|ultrasound|sonogra\w+|fluorosc\w+|exam(?:ination)?s?",
    r"chest (?:x-?rays?|radiographs?)|stud(?:y|ies)",
)
_OTHER_BODY = _any(
    r"knees?|hips?|ankles?|foot|feet|hands?(?! side)|wrists?|elbows?|forearms?|pelvi[cs]|sacr\w+|lumb\w+",
    r"femor\w+|femur|skull|sinus(?:es)?|soft tissue neck|acetabul\w+|tibia\w*|fibula\w*|kidneys?|bowel",
    r"rectum|colon|(?:supra)?patell\w+|malleol\w+",
)
_HISTORY = _any(
    r"patient(?:'?s)?|history|years?[- ]old|for (?:\w+ )?age|male|female|m[ae]n|wom[ae]n|symptom\w*|known",
    r"clinical(?:ly)?|correlat\w+|recommend\w*|consider(?:ed)?|further (?:evaluat\w+|imaging|characteri\w+)",
    r"follow-?\s?up|physician|dr|discussed|telephone\w*|called|report(?:ed)?|dictat\w+|ordered",
    r"(?:post-?)?surg(?:ery|ical)(?! (?:clips?|sutures?|staples?|hardware|wires?|material))",
    r"post-?operative|status post|s/p",
)
# "Larger than on the prior study": a model that reads the prior study may speak of it.
_EARLIER_STUDY = re.compile(
    r"\b(?:prior|previous|earlier|old|last|most recent|comparison)"
    r"(?: (?:chest|frontal|portable|PA|AP)){0,3}"
    r" (?:exam(?:ination)?s?|stud(?:y|ies)|radiographs?|films?|images?|imaging|x-?rays?)\b",
    re.I,
)
# "This may represent a vessel on end": of what, when its neighbour is left out?
_REFERS_BACK = re.compile(r"^(?:this|these|those|it|they)\b", re.I)
# "Chest.", "Thoracic spine:" in a report of several examinations.
_TITLE = re.compile(r"^(?:chest|abdomen|(?:\w+ )?spine|(?:left |right )?(?:shoulder|ribs?)|neck)\W*$", re.I)


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Return where each sentence of `text[start:end]` stands in `text`, without its list number.

    A line break, a bullet or a list number ends a sentence; a wrapped line does not. Pieces without a letter
    are left out.
    """
    return list(_spans(text, start, len(text) if end is None else end))


@lru_cache(maxsize=1024)  # several readers ask for the sentences of one caption
def _spans(text: str, start: int, stop: int) -> tuple[tuple[int, int], ...]:
    spans: list[tuple[int, int]] = []
    start, item = _after_number(text, start, 0)
    plain = not _UNUSUAL.search(text, start, stop)
    for match in (_FULL_STOP if plain else _BREAK).finditer(text, start, stop):
        if match.start() < start:
            continue
        if plain:
            number = line = None
        else:
            number = match["number"] or match["glued"] or match["in_brackets"] or match["with_dash"]
            line = match["line"]
        if number:
            # "2. Mild edema 3. Scarring" goes on with its list; "at rib 9. No effusion" ends a sentence.
            follows = int(number) == item + 1
            if not follows and (match["number"] is None or not match[0][-1:].isspace()):
                continue
            _add(spans, text, start, match.start() if follows else match.end())
            start, item = match.end(), item + follows
        elif not (_wraps(text, match, start) if line else _within(text, match)):
            _add(spans, text, start, match.end())
            start, item = _after_number(text, match.end(), item)
    _add(spans, text, start, stop)
    return tuple(spans)


def split_sentences(text: str) -> list[str]:
    """Return the sentences as written, with white space collapsed and without list numbers."""
    return [" ".join(text[start:end].split()) for start, end in sentence_spans(text)]


@lru_cache(maxsize=4096)  # captions share their sentences
def compares_with_prior(sentence: str) -> bool:
    """Return whether the sentence speaks of an earlier study or of change over time."""
    return bool(_PRIOR.search(sentence))


def knows_more_than_a_frontal(sentence: str, *, prior: bool = False) -> bool:
    """Return whether the sentence is about another view, examination or part, the patient or the reader.

    With `prior`, an earlier radiograph is not another examination.
    """
    if prior:
        sentence = _EARLIER_STUDY.sub("prior", sentence)
    return any(pattern.search(sentence) for pattern in (_OTHER_VIEW, _OTHER_BODY, _HISTORY, _TITLE))


def is_redacted(sentence: str) -> bool:
    """Return whether de-identification removed words from the sentence (`XXXX`)."""
    return bool(_REDACTED.search(sentence))


def measures(sentence: str) -> bool:
    """Return whether the sentence gives a number, which a model without a ruler cannot."""
    return bool(re.search(r"\d", sentence))


def refers_back(sentence: str) -> bool:
    """Return whether the sentence needs the one before it."""
    return bool(_REFERS_BACK.search(sentence))


def sayable(text: str, *, prior: bool = False) -> list[str]:
    """Return the sentences that a caption of one frontal image may learn.

    Parameters
    ----------
    text : str
        One section of a report.
    prior : bool
        Whether the model gets an earlier study too, so that comparisons may stay.
    """
    return [
        sentence
        for sentence in split_sentences(text)
        if not (
            is_redacted(sentence)
            or (compares_with_prior(sentence) and not prior)
            or knows_more_than_a_frontal(sentence, prior=prior)
            or measures(sentence)
            or refers_back(sentence)
        )
    ]


def _within(text: str, match: re.Match[str]) -> bool:
    """Whether a full stop belongs to an abbreviation or a number."""
    if match[0][0] == "?":
        # "? pneumonia" and "(?)" are doubt; "Pneumothorax? No." is a question with its answer.
        asked = match.start() == 0 or text[match.start() - 1] in " (\t\n"
        return asked or _ANSWERED.match(text, match.end()) is not None
    if match[0][:2] == "..":
        return _ANSWERED.match(text, match.end()) is not None  # "Pneumothorax... none"
    if match[0][0] != ".":
        return False
    before = text[max(0, match.start() - 6) : match.start()]
    following = text[match.end() : match.end() + 1]
    return bool(
        _ABBREVIATION.search(before)
        or (following.islower() and _ABBREVIATION_WITHIN.search(before))
        or (before[-1:].isdigit() and following.isalnum() and not following.isupper())
    )


def _wraps(text: str, match: re.Match[str], start: int) -> bool:
    """Whether a line break stands within a sentence."""
    line = text[max(start, text.rfind("\n", 0, match.start()) + 1) : match.start()].rstrip()
    following = text[match.end() : match.end() + 12]
    if (_GOES_ON.search(line[-20:]) and not _ANSWER_LAST.search(line[-8:])) or _CONTINUED.match(following):
        return True
    return following[:1].islower() and len(line) >= _LONG


def _after_number(text: str, start: int, item: int) -> tuple[int, int]:
    """Where the sentence's words begin, and the list's item that they are."""
    match = _ENUMERATION.match(text, start)
    assert match is not None
    return match.end(), int(match["number"] or item)


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if any(character.isalpha() for character in piece):
        spans.append((start, start + len(piece.rstrip())))
