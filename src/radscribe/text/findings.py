"""Findings that a report asserts, denies or leaves open: phrases, and the scope of negation and doubt.

In the manner of NegEx (Chapman et al., 2001) and the CheXpert labeller (Irvin et al., AAAI 2019): a
finding is mentioned by a phrase; what stands before it in its clause, or behind it, says whether it is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from radscribe.text.sentences import split_sentences

Status = Literal["present", "absent", "uncertain"]


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(phrases) + ")", re.I)


_HEART = (
    r"(?:heart|cardiac(?: (?:silhouette|size|contour|shadow))?|cardio(?:mediastinal|pericardial) silhouette)"
)
# Finding → how reports name it. ChestX-ray14's names first, then what else the labeller knows.
PHRASES: dict[str, re.Pattern[str]] = {
    "Atelectasis": _any(r"atelecta\w+", r"(?:lobar|lung|segmental) collapse", r"volume loss"),
    "Cardiomegaly": _any(
        r"cardiomegaly",
        r"cardiac enlargement",
        r"enlarge(?:d|ment of)(?: the)? (?:heart|cardiac|cardiomediastinal|cardiopericardial)",
        rf"{_HEART}[^.;,]{{0,60}}?\b(?:enlarged|large(?!r)|increased|generous)",
    ),
    "Effusion": _any(
        r"(?:pleural )?(?<!pericardial )effusions?",
        r"pleural fluid",
        r"hydropneumothora\w+",
        r"blunt\w*(?: of)?(?: the)?(?: \w+){0,2} (?:costophrenic|cp|cardiophrenic)",
        r"costophrenic [^.;]{0,30}?blunt\w*",
    ),
    "Infiltration": _any(r"infiltrat\w+"),
    "Mass": _any(r"mass(?:es)?\b(?! effect)", r"mass-?like", r"tumou?rs?\b", r"neoplas\w+"),
    "Nodule": _any(r"(?:micro)?nodul\w+"),
    "Pneumonia": _any(r"(?:broncho)?pneumonias?\b", r"pneumonitis", r"infectious (?:process|infiltrate)"),
    "Pneumothorax": _any(r"(?:hydro)?pneumothora\w+"),
    "Consolidation": _any(
        r"consolidat\w+", r"air ?space (?:disease|process|opacit\w+)", r"air bronchogram\w*"
    ),
    "Edema": _any(
        r"(?:pulmonary |interstitial |alveolar )?o?edema",
        r"(?:vascular|venous|pulmonary) congestion",
        r"cephalization",
        r"kerley",
        r"fluid overload",
        r"congestive (?:heart )?(?:failure|changes)",
        r"chf\b",
    ),
    "Emphysema": _any(
        r"emphysem\w+",
        r"copd\b",
        r"hyper(?:inflat|expan|lucen|aerat)\w+",
        r"bull(?:a|ae|ous)\b",
        r"flatten\w+ (?:of )?(?:the )?(?:hemi)?diaphragms?",
        r"(?:hemi)?diaphragms? [^.;]{0,20}?flatten\w+",
    ),
    "Fibrosis": _any(
        r"fibro(?:sis|tic)",
        r"scar(?:s|ring)?\b",
        r"interstitial (?:lung disease|markings|changes|prominence)",
        r"reticular",
    ),
    "Pleural_Thickening": _any(
        r"pleural (?:\w+ )?thickening", r"(?:apical|pleural) (?:cap|plaques?)\b", r"pleural scarring"
    ),
    "Hernia": _any(r"hernia\w*"),
    "Support_Devices": _any(
        r"(?:catheter|picc|pacemaker|lead|sternotomy|port|mediport|clip|suture|stent|wire|electrode)s?\b",
        r"(?:tracheostomy|endotracheal|nasogastric|chest) tube",
        r"port-a-cath|defibrillator|icd\b|prosthe\w+|hardware|tracheostomy|anchors?\b",
    ),
    "Fracture": _any(r"fractur\w+", r"deformit\w+ of (?:the )?(?:\w+ )?ribs?", r"rib deformit\w+"),
    "Granuloma_or_Calcification": _any(r"granulom\w+", r"calcif\w+"),
    "Scoliosis_or_Degenerative": _any(
        r"scolio\w+|kypho\w+|degenerative|spondylo\w+|(?:osteo|syndesmo)phyt\w+|curvature"
    ),
    "Opacity": _any(r"opaci\w+", r"densit(?:y|ies)\b"),
}
LABELS: tuple[str, ...] = (*PHRASES, "Normal")

# Sayings that deny findings without naming them.
IMPLIED_ABSENT: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (
        re.compile(
            r"\blungs?\b[^.;]{0,40}\b(?:clear|normal|unremarkable)|\bclear lungs\b|\blungs? fields? clear",
            re.I,
        ),
        ("Atelectasis", "Infiltration", "Mass", "Nodule", "Pneumonia", "Consolidation", "Edema", "Opacity"),
    ),
    (
        re.compile(
            rf"\b(?:{_HEART}|cardiomediastinal)[^.;]{{0,60}}?\b(?:normal|unremarkable|not (?:\w+ )?enlarged)"
            r"|\bnormal (?:heart|cardiac|cardiomediastinal)",
            re.I,
        ),
        ("Cardiomegaly",),
    ),
)

_DENIED_BEFORE = _any(
    r"(?:no|not|without|non|never|neither|nor|nothing)\b",
    r"(?:(?:negative|unremarkable) for|free (?:of|from)|clear of|absence of|absent|rather than)\b",
    r"den(?:y|ies)\b",
    r"(?:ruled? out|exclude[sd]?)\b",
)
_DOUBTED_BEFORE = _any(
    r"(?:possibl[ey]|probabl[ey]|likely|may|might|could|versus|vs|borderline|equivocal|differential)\b",
    r"suspici\w+|suspected|questionable|question of|suggest\w*|concern\w* for|consider\w*|presum\w+",
    r"(?:cannot|can't|not)(?: be)? (?:exclude|rule)\w*",
)
_NOT_EXCLUDED = _any(r"(?:cannot|can't|not)(?: be)? (?:exclude|rule)\w*")
_DENIED_AFTER = re.compile(
    r"^[^.;]{0,60}?\b(?:(?:is|are|was|were|has been|have been) (?:not|no longer|absent|ruled out|excluded)"
    r"|not (?:seen|identified|visuali[sz]ed|evident|present)|(?:has|have) (?:\w+ )?(?:resolved|cleared))\b",
    re.I,
)
_DOUBTED_AFTER = re.compile(
    r"^[^.;]{0,40}?\b(?:(?:cannot|can't|could not|not) be (?:\w+ )?(?:excluded|ruled out)"
    r"|(?:is|are) (?:possible|suspected|questionable|suggested)|not (?:\w+ )?excluded)\b",
    re.I,
)
# A denial or a doubt does not reach across these.
_NEW_CLAUSE = re.compile(
    r"\b(?:but|however|although|though|except|other than|aside from|apart from|there (?:is|are)|otherwise"
    r"|which|due to)\b|;|\bwith\b(?! (?:no|out)\b)",
    re.I,
)
_NORMAL = _any(
    r"(?:normal|clear|unremarkable|within normal limits|no acute|no active|no evidence|negative|intact)\b"
)
# What does not make a chest abnormal for the label Normal.
INCIDENTAL = frozenset({"Support_Devices", "Granuloma_or_Calcification", "Scoliosis_or_Degenerative"})
_RANK: dict[Status, int] = {"absent": 0, "uncertain": 1, "present": 2}


@dataclass(frozen=True, slots=True)
class Mention:
    """A finding where the text speaks of it; `start` and `end` are character positions in the sentence."""

    finding: str
    status: Status
    sentence: str
    start: int
    end: int


def mentions(text: str) -> Iterator[Mention]:
    """Every mention of a finding, sentence by sentence; a saying that implies an absence is one too."""
    for sentence in split_sentences(text):
        for finding, pattern in PHRASES.items():
            for match in pattern.finditer(sentence):
                yield Mention(finding, _status(sentence, match), sentence, match.start(), match.end())
        for pattern, findings in IMPLIED_ABSENT:
            if saying := pattern.search(sentence):
                for finding in findings:
                    yield Mention(finding, "absent", sentence, saying.start(), saying.end())


def label(text: str) -> dict[str, Status]:
    """The findings of a report: what is asserted anywhere counts over doubt, and doubt over denial.

    `Normal` is present when nothing but incidental findings is asserted or doubted and something is called
    normal. A finding that the text does not mention has no key.
    """
    found: dict[str, Status] = {}
    for mention in mentions(text):
        before = found.get(mention.finding)
        if before is None or _RANK[mention.status] > _RANK[before]:
            found[mention.finding] = mention.status
    abnormal = any(status != "absent" and finding not in INCIDENTAL for finding, status in found.items())
    if not abnormal and _NORMAL.search(text):
        found["Normal"] = "present"
    return found


def _status(sentence: str, match: re.Match[str]) -> Status:
    starts = [boundary.end() for boundary in _NEW_CLAUSE.finditer(sentence, 0, match.start())]
    clause = sentence[starts[-1] if starts else 0 : match.end()]
    behind = sentence[match.end() :]
    if _NOT_EXCLUDED.search(clause) or _DOUBTED_AFTER.search(behind):
        return "uncertain"
    if _DENIED_BEFORE.search(clause) or _DENIED_AFTER.search(behind):
        return "absent"
    return "uncertain" if _DOUBTED_BEFORE.search(clause) else "present"
