"""Contradictions between the statements of a report.

A denial covers findings: "no consolidation" covers consolidation and the pneumonia that would be one, "the
lungs are clear" covers every finding of the lungs, "normal chest" all findings. It contradicts an assertion
of what it covers unless the report sets them apart: by side or zone ("the left lung is clear"), by kind ("no
displaced fracture"), or by words such as "otherwise".
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter

from radscribe.text.findings import Mention, find
from radscribe.text.lexicon import HEART, spell
from radscribe.text.location import Side, Zone, locations, nearest
from radscribe.text.sentences import sentence_spans

AIRSPACE = frozenset({"Pneumonia", "Consolidation", "Infiltration"})
LUNG = AIRSPACE | {"Atelectasis", "Mass", "Nodule", "Edema", "Emphysema", "Fibrosis", "Opacity"}
PLEURA = frozenset({"Effusion", "Pneumothorax", "Pleural_Thickening"})
# What "no acute cardiopulmonary disease" denies.
ACUTE = AIRSPACE | {"Edema", "Pneumothorax"}
CHEST = LUNG | PLEURA | {"Cardiomegaly", "Hernia", "Fracture"}

# A denial of the finding covers these findings too.
COVERS: dict[str, frozenset[str]] = {
    "Consolidation": frozenset({"Consolidation", "Pneumonia"}),  # an infiltrate may be less dense
    "Infiltration": AIRSPACE,
    "Opacity": AIRSPACE | {"Opacity"},
}

# Statements that deny findings without naming them.
_CLEAR = r"(?:clear|normal|unremarkable)\b(?! (?:of|from)\b)"
_WELL = r"(?:normal|unremarkable|within normal limits|not (?:\w+ )?enlarged)"
_DENIAL = r"(?:no|without|negative for|absence of|lack of|free of)"
_HEDGE = (
    r"(?:(?:(?:evidence|signs?|indications?|demonstration|findings?|features|x{3,}) (?:of|for)"
    r"|radiographic(?:ally)?|visible|visuali[sz]ed|evident|apparent|obvious|convincing|definit(?:e|ive)|detectable|demonstrable"
    r"|discernible|identifiable|focal|any|an?|the|x{3,}) )"
)
_WHOLE_CHEST = r"(?:cardio-?pulmonary|cardio-?thoracic|intra-?thoracic)"
_ORGAN = rf"(?:{_WHOLE_CHEST}|cardiac|pulmonary|lung|pleural|chest|thoracic)"
_DISEASE = r"(?:disease|abnormalit\w+|process\w*|findings?|patholog\w+)"
_BROAD: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(rf"\b(?:{spell(*phrases)})"), findings)
    for phrases, findings in (
        ((rf"lungs?(?: fields?)?\b(?!-)[^.;,]{{0,40}}?\b{_CLEAR}", r"clear (?:lungs?|chest)\b"), LUNG),
        (
            (
                r"(?:no|without|negative for) (?:radiographic )?(?:evidence of )?"
                r"(?:(?:acute|active|focal|definite) ){0,2}(?:air ?-?space|parenchymal|lung|pulmonary)"
                r" (?:disease|abnormalit\w+|opacit\w+)",
                r"(?:free|clear|negative) (?:of|for|from) (?:focal )?air ?-?space (?:disease|opacit\w+)",
            ),
            AIRSPACE | {"Opacity"},
        ),
        (
            (
                rf"{_DENIAL} {_HEDGE}{{0,4}}(?:acute|active)(?:(?: or |/)(?:acute|active))? {_HEDGE}{{0,2}}"
                rf"(?:{_ORGAN}(?:(?:,| or| and|/)? ?{_ORGAN}){{0,4}} )?{_DISEASE}",
                rf"{_DENIAL} {_HEDGE}{{0,4}}{_WHOLE_CHEST} {_DISEASE}",
            ),
            ACUTE,
        ),
        (
            (rf"{HEART}[^.;]{{0,60}}?\b{_WELL}(?! (?:variant|limits))", rf"normal (?:size )?{HEART}"),
            frozenset({"Cardiomegaly"}),
        ),
        (
            (rf"pulmonary vascul\w+[^.;]{{0,40}}?\b{_WELL}", r"normal pulmonary vascul\w+"),
            frozenset({"Edema"}),
        ),
        (
            (
                r"(?:normal|unremarkable|negative) (?:\w+ )?(?:chest|study|exam\w*|radiographs?)\b"
                r"(?! (?:wall|tubes?|drains?|ports?)\b)",
                r"(?:chest|study|exam\w*|radiograph) (?:is|appears) (?:normal|unremarkable|negative)",
                r"\A(?:there (?:is|are) )?no abnormalit(?:y|ies)(?: (?:is|are) (?:seen|identified))?[.]?$",
            ),
            CHEST,
        ),
    )
)
_start_of = attrgetter("start")
_MAY_DENY = re.compile(r"\b(?:no|normal|clear|unremarkable|within|without|not|free|negative)\b")
# Words of a denial that leave room for what the report asserts elsewhere.
_RESTRICTED = re.compile(
    r"\b(?:otherwise|elsewhere|remain(?:ing|der)|rest of|apart from|except|other than|aside from|besides"
    r"|new|newly|additional|further|another|large|larger|siz(?:e)?able|significant|substantial|tension"
    r"|displaced|overt|frank|gross|grossly|suspicious|noncalcified|non-calcified|interval|worsening|increas\w+|relatively)\b"
)
_ACUTE_WORD = re.compile(r"\bacute|\bactive")
_OLD = re.compile(r"\b(?:old|healed|healing|remote|chronic|prior|previous)\b")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a report about some findings.

    Parameters
    ----------
    text : str
        The words of the report.
    start, end : int
        Their character positions in the report.
    asserts : frozenset of str
        Findings that it asserts.
    denies : frozenset of str
        Findings that it denies.
    side : {"left", "right", "bilateral"}, optional
        Side that it is about.
    zones : tuple of {"upper", "mid", "lower"}
        Zones of the lung that it is about; empty means all.
    restricted : bool
        A denial that leaves room for the finding: "no large effusion", "the lungs are otherwise clear".
    """

    text: str
    start: int
    end: int
    asserts: frozenset[str] = frozenset()
    denies: frozenset[str] = frozenset()
    side: Side | None = None
    zones: tuple[Zone, ...] = ()
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two statements of one report that cannot both be true.

    Parameters
    ----------
    asserted, denied : Statement
        The statement that asserts a finding, and the one that denies it.
    findings : frozenset of str
        The findings that they contradict each other on.
    """

    asserted: Statement
    denied: Statement
    findings: frozenset[str]


def statements(text: str) -> list[Statement]:
    """Return what a text asserts and denies, in the order of the text; doubt is neither.

    The statements of a text are those of its sentences, so sentences can be read one by one and compared with
    `contradict`.
    """
    return list(_statements(text))


def contradict(first: Statement, second: Statement, *, strict: bool = False) -> frozenset[str]:
    """Return the findings on which two statements contradict each other; empty if they agree."""
    return _conflict(first, second, strict) | _conflict(second, first, strict)


def contradictions(text: str, *, strict: bool = False) -> list[Contradiction]:
    """Find the statements of a text that contradict each other.

    Parameters
    ----------
    text : str
        A report or a caption.
    strict : bool
        Count every denial of an asserted finding, even if side, zone or wording set the two apart.

    Returns
    -------
    list of Contradiction
        In the order of the assertions, then of the denials.

    Examples
    --------
    >>> for found in contradictions("Right lower lobe pneumonia. The lungs are clear."):
    ...     print(found.asserted.text, "|", found.denied.text, "|", *found.findings)
    pneumonia | lungs are clear | Pneumonia
    >>> contradictions("Right lower lobe pneumonia. The left lung is clear.")
    []
    """
    said = _statements(text)
    # The same denial twice adds nothing, and keeps a long text linear.
    denials = {
        (denial.text.lower(), denial.side, denial.zones, denial.restricted): denial
        for denial in reversed(said)
        if denial.denies
    }
    asserted = {
        (statement.text.lower(), statement.side, statement.zones): statement
        for statement in reversed(said)
        if statement.asserts
    }
    return [
        Contradiction(assertion, denial, findings)
        for assertion in reversed(asserted.values())
        for denial in reversed(denials.values())
        if (findings := _conflict(assertion, denial, strict))
    ]


def _conflict(asserted: Statement, denied: Statement, strict: bool) -> frozenset[str]:
    findings = asserted.asserts & denied.denies
    apart = denied.restricted or not _within(asserted, denied)
    return frozenset() if apart and not strict else findings


def _within(asserted: Statement, denied: Statement) -> bool:
    """Whether the place of the assertion is one that the denial is about."""
    side = denied.side in (None, "bilateral", asserted.side) or asserted.side == "bilateral"
    return side and (not denied.zones or bool(set(denied.zones) & set(asserted.zones)))


@lru_cache(maxsize=4096)  # captions share their sentences
def _statements(text: str) -> tuple[Statement, ...]:
    mentions = sorted(
        (mention for mention in find(text) if mention.finding in CHEST), key=lambda mention: mention.start
    )
    found: list[Statement] = []
    for start, end in sentence_spans(text):
        sentence = text[start:end].lower()
        here = mentions[
            bisect_left(mentions, start, key=_start_of) : bisect_left(mentions, end, key=_start_of)
        ]
        spans = Counter((mention.start, mention.end) for mention in here if mention.status == "absent")
        broad = list(_broad(sentence, text, start))
        found += [_without(denial, here) for denial in broad]
        for mention in here:
            # Several findings denied by the same words are a broad denial, and so are words within one.
            named = spans[mention.start, mention.end] < 2 and not any(
                denial.start <= mention.start and mention.end <= denial.end for denial in broad
            )
            if mention.status == "present" or (mention.status == "absent" and named):
                before = sentence[max(0, mention.start - start - 200) : mention.start - start]
                found.append(_named(mention, before))
    return tuple(sorted(found, key=lambda statement: (statement.start, statement.end)))


def _without(denial: Statement, mentions: list[Mention]) -> Statement:
    """The denial without what its own words assert: "the lungs are hyperexpanded but clear"."""
    inside = {
        mention.finding
        for mention in mentions
        if mention.status == "present" and mention.start < denial.end and denial.start < mention.end
    }
    return replace(denial, denies=denial.denies - inside) if inside else denial


def _broad(sentence: str, text: str, offset: int) -> Iterator[Statement]:
    """The denials of a lower-cased sentence, at `offset` in the text, that name no finding."""
    for denial in _broad_in(sentence):
        start, end = offset + denial.start, offset + denial.end
        yield replace(denial, text=text[start:end], start=start, end=end)


@lru_cache(maxsize=4096)  # captions share their sentences
def _broad_in(sentence: str) -> tuple[Statement, ...]:
    """The same, at their places in the sentence."""
    if not _MAY_DENY.search(sentence):
        return ()
    places = locations(sentence)
    found: list[Statement] = []
    for pattern, findings in _BROAD:
        for match in pattern.finditer(sentence):
            place = nearest(sentence, places, *match.span(), denied=True)
            restricted = _RESTRICTED.search(sentence, max(0, match.start() - 200), match.end()) is not None
            found.append(
                Statement(
                    match[0],
                    *match.span(),
                    denies=findings,
                    side=place.side if place else None,
                    zones=place.zones if place else (),
                    restricted=restricted,
                )
            )
    return tuple(found)


def _named(mention: Mention, before: str) -> Statement:
    """The statement of a mention that follows the words `before` in its sentence."""
    finding = frozenset({mention.finding})
    where = (mention.text, mention.start, mention.end)
    if mention.status == "present":
        healed = mention.finding == "Fracture" and _OLD.search(before)
        return Statement(
            *where, asserts=frozenset() if healed else finding, side=mention.side, zones=mention.zones
        )
    restricted, acute = _limits(before)
    restricted = restricted or (acute and mention.finding not in ACUTE)
    return Statement(
        *where,
        denies=COVERS.get(mention.finding, finding),
        side=mention.side,
        zones=mention.zones,
        restricted=restricted,
    )


@lru_cache(maxsize=4096)
def _limits(before: str) -> tuple[bool, bool]:
    """Whether the words before a denied finding leave room for it, and whether they call it acute."""
    return bool(_RESTRICTED.search(before)), bool(_ACUTE_WORD.search(before))
