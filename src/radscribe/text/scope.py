"""Whether a phrase is asserted, denied or left open, by the cues around it and how far they reach.

After NegEx (Chapman et al., J Biomed Inform 2001): a cue reaches forward or backward over its clause, and
some words end its reach. Doubt, and cues behind the finding, are as in the CheXpert labeller (Irvin et al.,
AAAI 2019).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from radscribe.text.lexicon import spell

Status = Literal["present", "absent", "uncertain"]
Kind = Literal[
    "neutral",
    "open",
    "denied",
    "doubted",
    "denied_behind",
    "doubted_behind",
    "both",
    "history",
    "cause",
    "end",
]

_NOT_EXCLUDED = r"(?:cannot|can't|can not|could not|not|difficult to|unable to)(?: be)?(?: \w+ly)?"
# What an assertion within a list starts with: "no effusion, mild cardiomegaly".
_ASSERTS = (
    r"(?:probabl[ey]|likely|questionable|mild\w*|moderate\w*|stable|unchanged|minimal\w*|old|chronic"
    r"|there|the|heart|lungs?|cardi(?!omegal)\w+|mediastin\w+|pulmonary vasc\w+|degenerative|calcified"
    r"|scattered|status|with(?! no\b|out\b))\b"
)
# Cue → spellings. The first kind that fits at a place wins, so the longer sayings come first.
_SEEN = r"(?:seen|identified|present|visualized|evident|appreciated|demonstrated|noted|detected)"
_CUES: dict[Kind, tuple[str, ...]] = {
    # A "no" that denies a change and not the finding.
    "neutral": (
        r"(?:no|without)(?: (?:significant|interval|appreciable|definite|substantial|obvious|other|new))*"
        r" (?:change\b|increase|decrease|improvement)",
        r"(?:most|strongly|highly) suggestive",
        r"not (?:significantly |substantially |appreciably )?(?:changed|only|necessarily)",
    ),
    "doubted_behind": (
        rf"{_NOT_EXCLUDED} (?:excluded|ruled out)",
        r"(?:is|are) (?:also )?(?:possible|suspected|questionable|questioned|suggested|favou?red)",
        r"not (?:\w+ )?excluded",
        r"(?:would be|is|are) (?:a |also )*consider\w+",
        r"(?:is|are) in the differential",
        r"may (?:not )?be (?:present|demonstrated|seen|visible)",
    ),
    "open": (rf"{_NOT_EXCLUDED} (?:exclude|rule out)",),
    "denied_behind": (
        r"(?:(?:is|are|was|were|has been|have been) )?(?:not|no longer) (?:be )?(?:\w+ly )?(?:well ?-?)?"
        rf"{_SEEN}"
        r"(?! (?:on|in) (?:the )?(?:prior|previous|comparison|lateral))",
        r"(?:is|are|was|were|has been|have been) (?:absent|ruled out|excluded|removed)",
        r"(?:has|have|is|are) (?:\w+ )?(?:resolved|cleared)",
        r"none\b",
        r"(?:is|are|appears?|remains?) within (?:the )?(?:normal )?limits",
    ),
    "history": (r"history of", r"h/o"),
    "denied": (
        r"(?:no|not|without|non|never|neither|nor|nothing)\b(?!-)(?! longer)",
        r"(?:negative|unremarkable) for",
        r"free (?:of|from)",
        r"clear of",
        r"absen(?:ce of|t)",
        r"rather than",
        r"den(?:y|ies)",
        r"(?:resolution|removal|exclusion) of",
        r"resolved",
        r"(?:has|have) been ruled out for",
    ),
    "both": (r"versus", r"vs\b"),
    "doubted": (
        r"(?:possibl[ey]|may|might|could|equivocal|differential)\b",
        r"suspicio\w+|suspected|questionable|question(?: of)?\b|suggest\w*|concern\w*|potential\w*",
        r"(?:to |please )?(?:rule out|exclude|evaluate for)",
        r"(?:appropriate|correct|proper|right) clinical (?:setting|context)|correlat\w+(?: \w+)? for",
        r"(?:to identify|in detecting|to detect)",
        r"consider\b|considerations? include|worrisome for|upper limits? of",
    ),
    "end": (
        r"(?:but|however|although|though|except|other than|aside from|apart from|otherwise)\b",
        r"there (?:is|are)\b",
        r"(?<!compatible\s)(?<!consistent\s)(?<!associated\s)with\b(?! no\b)",
    ),
    # Ends a denial, while doubt reaches over it: "may be due to edema".
    "cause": (r"(?:which|due to|secondary to|because of)\b",),
}
_NAMED = "|".join(f"(?P<{kind}>{spell(*spelled)})" for kind, spelled in _CUES.items())
# A list goes over into statements: "…, no effusion seen, …", "no effusion, the heart is enlarged".
_STOP = rf";|:(?!\s*none\b)|(?<=seen|oted),|(?<=identified),|,\s+(?:and\s+)?(?={spell(_ASSERTS)})"
_CUE = re.compile(rf"\b(?:{_NAMED})|(?P<stop>{_STOP})|(?P<and_asserts>\band\s+(?={spell(_ASSERTS)}))")
# A cue behind does not reach over another statement.
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|shows?|noted|seen)\b")


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue in a sentence."""

    kind: str
    start: int
    end: int


def cues(sentence: str) -> list[Cue]:
    """The cues of a lower-cased sentence, in order."""
    return [Cue(str(match.lastgroup), match.start(), match.end()) for match in _CUE.finditer(sentence)]


def status(sentence: str, found: Sequence[Cue], start: int, end: int) -> Status | None:
    """The status of `sentence[start:end]` under the sentence's cues; None where it is the patient's history.

    In a clause denial holds over doubt ("no evidence to suggest"), but what cannot be excluded is open.
    """
    verdict: Status | None = "present"
    for cue in found:
        if cue.start < start or (cue.start < end and cue.kind in ("denied", "doubted")):
            if cue.kind in ("end", "stop") or (cue.kind in ("cause", "and_asserts") and verdict == "absent"):
                verdict = "present"
            elif cue.kind == "denied":
                verdict = "absent"
            elif cue.kind == "open" or (cue.kind in ("doubted", "both") and verdict == "present"):
                verdict = "uncertain"
            elif cue.kind == "history":
                verdict = None
        elif cue.start >= end:
            if cue.kind in ("end", "stop", "cause", "and_asserts") or _VERB.search(sentence, end, cue.start):
                break
            if cue.kind == "doubted_behind" or (cue.kind == "both" and verdict == "present"):
                return "uncertain"
            if cue.kind == "denied_behind":
                return "absent"
            if cue.kind != "neutral":
                break
    return verdict
