"""Whether the words around a finding assert it, deny it or leave it open.

After NegEx (Chapman et al., J Biomed Inform 2001): a cue reaches forward or backward over its clause, and
some words end its reach. Doubt, and cues behind the finding, are as in the CheXpert labeller (Irvin et al.,
AAAI 2019). Two things are added: words that qualify a cue ("not resolved", "no change in"), and a safe
default: a word of negation or doubt that no rule understands leaves the finding open.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from radscribe.text.cues import CANNOT, CUE, NOT_EXCLUDED
from radscribe.text.lexicon import spell

Status = Literal["present", "absent", "uncertain"]

# "The nodule seen on the prior study is no longer evident": what was said of it then.
_THEN = re.compile(
    spell(
        r",?(?: (?:which|that) (?:was|were|had been))?(?: previously| formerly)? (?:seen|noted|identified"
        r"|described|present|visible|reported|demonstrated)(?: (?:on|in|at|the|an?|\d+|few"
        r"|\w+ days?|weeks?)){0,4}"
        r" (?:previously|before|yesterday|earlier|ago|(?:prior|previous|last|comparison|earlier|outside)"
        r"(?: (?:\w+ )?(?:exam\w*|stud\w+|films?|radiographs?|ct|images?|x-?rays?|cxr|week"
        r"|month|night|year))?),?"
    )
    + r"(?=\s)"
)
# "No pneumothorax, although a tiny one cannot be excluded."
_ONE = re.compile(
    rf"\b(?:one|it|this|these)\b[^.;,]{{0,30}}?{spell(NOT_EXCLUDED)}\s(?:excluded|ruled\sout)"
    rf"|{spell(CANNOT)}\s(?:\w+ly\s)?(?:exclude|rule\sout)\s(?:an?\s(?:\w+\s){{0,3}}one|it)\b"
)
_EXCLUDE = re.compile(r"exclude|ruled? out")
# "Asks about pneumothorax", "prone to pneumonia": no known word governs the finding.
_GOVERNED = re.compile(
    r"\b(?!(?:due|owing|secondary|adjacent|next|close|relat\w+|attribut\w+|compar\w+|relative|similar"
    r"|identical|equal|up|part"
    r"|mild|minimal|trace|tiny|small|moderate|severe|marked|large|\w*lateral|medial|superior|inferior"
    r"|\w*posterior"
    r"|\w*anterior|distal|proximal|cephalad|caudal|cranial|deep|superficial|lead\w*|led|progress\w+"
    r"|evol\w+|chang\w+"
    r"|convert\w+|increas\w+|decreas\w+|improv\w+|worsen\w+|correspond\w*|contribut\w+|addition|consistent"
    r"|prior|sequel\w+"
    r"|residual|subsequent|parallel|central|peripheral|opposite|response|reaction|amount\w*|adds?|added"
    r"|left|right|return\w*"
    r"|develop\w*|transition\w*|turn\w*|opposed|as|upper|mid|lower|apex|base|\w+basilar) to )"
    r"(?!(?:positive|pos|neg|significant|notable|remarkable|typical|characteristic|classic\w*|diagnostic"
    r"|suggestive|except|save|evidence"
    r"|pathognomonic|tunnel\w+|account\w*|compatible|specific|responsible|criteria|as|signs?|used"
    r"|accessed) for )"
    r"(?:\w{2,30} (?:to|for|about)|(?:look|seem|behav)\w{0,3} like|in (?:the )?(?:case|event|hope) of"
    r"|(?:fear|thought|talk) of)"
    r"(?: (?:have|develop|get|an?|the|any|small|large|acute|new|underlying|left|right|recurrent|chronic"
    r"|pleural|possible|mild"
    r"|some|associated)){0,3} $".replace(" ", r"\s{1,9}")
)
# "Pneumonia was debated": what was done to the finding, by a verb that no list knows.
_TREATED = re.compile(
    r"\s(?:is|are|was|were|has\sbeen|have\sbeen|had\sbeen)\s(?:(?!cardiomegaly)\w{1,20}ly\s)?(?:"
    r"(?!(?:re-?)?(?:demonstrat|identif|not|observ|visuali|detect|apprecia|recogni|describ|imag|document"
    r"|confirm|depict|evidenc"
    r"|outlin|highlight)\w*|un\w+|(?:in|de)creased|reduced|enlarged|improved|chang|worsened|progressed"
    r"|advanced|developed|"
    r"(?:re)?located|situated|cent(?:e?red|ered)|associated|related|superimposed|project|distribut\w+"
    r"|scattered|calcified"
    r"|\w*loculated|layered|displaced|expanded|marked|pronounced|exaggerated|accentuated|limited|confined"
    r"|healed|drained|\w*plac|terminated"
    r"|position|inserted|exchanged|retracted|advanced|fractured|kinked|coiled|looped|directed|orient"
    r"|dilated|elevated|flattened|blunted|obscured|thickened"
    r"|rounded|\w*defined|circumscribed|accompanied|caused|extended|involved|spiculated|cavitated|infected"
    r"|collapsed|minimized|complicated|compensated"
    r"|diagnosed|removed|resolved|mixed|combined|stabili|suspected|indicated|shaped|sized|based"
    r"|needed)\w{3,20}ed\b"
    r"|an?\s(?!(?:\w{1,20}\s){0,3}(?:finding|change|process|feature|abnormality|sequela|result|consequence"
    r"|variant|component)))"
)
_OPENS = re.compile(
    r"(?:^|[.;|])\W{0,9}(?:(?:the|following|these|all|other|relevant|findings?|pathology|abnormalities"
    r"|conditions|labels|are|is)\s){0,5}$"
)
_COLON = re.compile(r"\s?:")
_ABSENCE = ("absence", "lack", "exclusion", "resolution")  # of a finding can itself be doubted
_REACH = 40  # cues on either side of a finding
_MORE = re.compile(r"[,;:]|\b(?:and|or|with|in|on|at|since|is|are|was|were|has|have)\b")
# A cue behind does not reach over another statement.
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|shows?|noted|seen|persists?|remains?)\b")


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue in a sentence."""

    kind: str
    start: int
    end: int


_start_of = attrgetter("start")


def cues(sentence: str) -> list[Cue]:
    """Return the cues of a lower-cased sentence, in order."""
    return [Cue(str(match.lastgroup), match.start(), match.end()) for match in CUE.finditer(sentence)]


def status(
    sentence: str,
    found: Sequence[Cue],
    start: int,
    end: int,
    others: Sequence[int] = (),
) -> Status | None:
    """Return the status of `sentence[start:end]`, or None for the patient's history.

    In a clause denial holds over doubt ("no evidence to suggest"), but what cannot be excluded is open.

    Parameters
    ----------
    sentence : str
        A lower-cased sentence.
    found : sequence of Cue
        Its cues.
    start, end : int
        Where the finding stands.
    others : sequence of int
        Where the findings of the sentence start, in order, to tell a cue that has no finding behind it.
    """
    verdict: Status | None = "present"
    # Cues further away are in another clause; the window keeps long texts linear.
    middle = bisect_left(found, start, key=_start_of)
    found = found[max(0, middle - _REACH) : middle + _REACH]
    if then := _THEN.match(sentence, end):
        found = [cue for cue in found if cue.start < end or cue.start >= then.end()]
        end = then.end()
    if sentence.endswith("non-", 0, start):
        return "absent"
    if _is_unsure(sentence, found, start):
        return "uncertain"
    absence = False
    heading = -1  # where the colon of "Not seen: effusion, edema" would stand
    for place, cue in enumerate(found):
        if cue.start < start and cue.kind == "denied_behind":
            opens = _OPENS.search(sentence, max(0, cue.start - 40), cue.start)
            if opens and (colon := _COLON.match(sentence, cue.end)):
                verdict, heading = "absent", colon.end() - 1
        elif cue.start == heading:
            continue
        elif cue.start < start or (cue.start < end and cue.kind in ("denied", "doubted", "neutral")):
            if cue.kind in ("end", "stop") or (cue.kind in ("cause", "and_asserts") and verdict == "absent"):
                verdict = "present"
            elif cue.kind == "denied" or (cue.kind == "neutral" and cue.end > start):
                verdict = "absent"  # "the heart is not larger", "a nodule that is not calcified"
                absence = sentence.startswith(_ABSENCE, cue.start)
            elif cue.kind == "open" or (cue.kind in ("doubted", "both", "unclear") and verdict == "present"):
                verdict = "uncertain"
            elif cue.kind == "history":
                verdict = None
        elif cue.start >= end:
            if "(" in sentence[cue.start - 1 : cue.start + 1] and "," in sentence[end : cue.start]:
                continue  # "cardiomegaly (mild), effusion (none)": it is about the word before it
            verb = _VERB.search(sentence, end, cue.start)
            if cue.kind in ("end", "stop", "cause", "and_asserts") or (
                verb
                and (between := sentence[verb.end() : cue.start].strip())
                and not (
                    sentence.startswith("if ", cue.start)  # "edema is mild, if any"
                    # "Pneumonia was the first thought": no statement begins before the cue.
                    or (cue.kind == "unclear" and not _MORE.search(between) and sentence[cue.start] != "n")
                )
            ):
                break
            if cue.kind in ("doubted_behind", "unclear") or (cue.kind == "both" and verdict == "present"):
                # "No pneumonia is suspected" denies; "no edema, which cannot be excluded" does not, nor
                # does "absence of edema is not certain".
                again = absence or _EXCLUDE.search(sentence, cue.start, cue.end)
                return "uncertain" if verdict != "absent" or again else verdict
            if cue.kind == "denied_behind":  # "neither effusion nor edema can be excluded" is open
                return (
                    "uncertain"
                    if verdict == "absent" and sentence.startswith("can ", cue.start)
                    else "absent"
                )
            if cue.kind == "denied" and verdict == "present" and sentence.startswith("not", cue.start):
                # "Pneumothorax not a concern": a denial that is about nothing else is not understood.
                later = found[place + 1 :]
                closing = next((c.start for c in later if c.kind in ("end", "stop")), len(sentence))
                following = bisect_left(others, cue.end)
                if following == len(others) or others[following] >= closing:
                    return "uncertain"
            if cue.kind != "neutral" and not sentence.startswith("nor ", cue.start):
                break
    if verdict == "present" and (
        _GOVERNED.search(sentence, max(0, start - 80), start) or _TREATED.match(sentence, end)
    ):
        return "uncertain"
    if verdict == "absent" and "one" in sentence[end:] and _ONE.search(sentence, end):
        return "uncertain"
    return verdict


def _is_unsure(sentence: str, found: Sequence[Cue], start: int) -> bool:
    """Whether the clause of a finding at `start` begins with words such as "not certain that"."""
    unsure = False
    for cue in found:
        if cue.start >= start:
            break
        if cue.kind == "unsure":
            unsure = True
        elif cue.kind == "stop" or (cue.kind == "end" and not sentence.startswith("there", cue.start)):
            unsure = False
    return unsure
