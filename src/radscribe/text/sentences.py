"""Sentences of a report, and which of them a caption of one frontal image must not say.

A model that is given one image and no history cannot know of a prior, of another view, or of what
de-identification took out.
"""

from __future__ import annotations

import re


def _any(*words: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(words) + r")\b", re.I)


# A full stop ends a sentence unless it stands in a number; an enumeration's "1." is no sentence.
_END = re.compile(r"(?<=[.!?])(?<!\d\.)\s+|(?<=[.!?])\s+(?=[A-Z])")
_ENUMERATION = re.compile(r"(?:^|\s)\d{1,2}[.)]\s+(?=[A-Z])")
_REDACTED = re.compile(r"x{3,}", re.I)
_PRIOR = _any(
    r"unchanged|unaltered|stable|again|re-?demonstrat\w+|previous(?:ly)?|prior|compar\w+|interval(?:ly)?",
    r"increas\w+|decreas\w+|improv\w+|worsen\w+|new(?:ly)?|progress\w+|persist\w+|resol(?:ved|ution|ving)",
    r"since|still|remain\w*|no longer|no change|(?:has|have) (?:been|developed|cleared)|developing",
    r"chronic(?:ally)?|follow-?\s?up|earlier|last|remov(?:ed|al)|re-?expan\w+|larger|smaller than",
)
_OTHER_VIEW = _any(
    r"laterals?|views?|retrosternal|(?:on|in) the (?:PA|AP|frontal)|chest (?:x-?rays?|radiographs?)",
    r"CT|scan|tomograph\w*|ultrasound|examinations?|stud(?:y|ies)",
)
_HISTORY = _any(
    r"patient|history|years?[- ]old|male|female|symptom\w*|clinical(?:ly)?|correlat\w+|recommend\w*",
    r"physician|dr|discussed|telephone\w*|called|report(?:ed)?|dictat\w+",
    r"(?:post)?surg(?:ery|ical)|postoperative|status post",
)


def split_sentences(text: str) -> list[str]:
    """Sentences as written, without enumeration numbers; empty ones are left out."""
    flat = _ENUMERATION.sub(" ", " ".join(text.split()))
    return [sentence.strip() for sentence in _END.split(flat) if re.search(r"\w", sentence)]


def compares_with_prior(sentence: str) -> bool:
    """Whether the sentence speaks of an earlier study or of change over time."""
    return bool(_PRIOR.search(sentence))


def knows_more_than_a_frontal(sentence: str) -> bool:
    """Whether the sentence speaks of another view, another examination, the patient or the reader."""
    return bool(_OTHER_VIEW.search(sentence) or _HISTORY.search(sentence))


def is_redacted(sentence: str) -> bool:
    """Whether de-identification took words out of the sentence (`XXXX`)."""
    return bool(_REDACTED.search(sentence))


def measures(sentence: str) -> bool:
    """Whether the sentence gives a number: a model that has no ruler cannot."""
    return bool(re.search(r"\d", sentence))


def sayable(text: str) -> list[str]:
    """The sentences that a caption of one frontal image without history may learn."""
    return [
        sentence
        for sentence in split_sentences(text)
        if not (
            is_redacted(sentence)
            or compares_with_prior(sentence)
            or knows_more_than_a_frontal(sentence)
            or measures(sentence)
        )
    ]
