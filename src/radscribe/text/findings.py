"""The findings that a report asserts, denies or leaves open, and the words that say so.

The labeller follows NegEx (Chapman et al., J Biomed Inform 2001) and the CheXpert labeller (Irvin et al.,
AAAI 2019). A phrase mentions a finding (`lexicon`); the words around it in its clause (`scope`) or the answer
of a template (`templates`) say whether it is there. Indication, comparison and technique are not labelled.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from radscribe.text import scope, templates
from radscribe.text.lexicon import PHRASES, Phrase, compile_phrases
from radscribe.text.location import Location, Side, Zone, locations, nearest
from radscribe.text.normality import IMPLIED_ABSENT, OTHER_ABNORMALITY
from radscribe.text.scope import Status
from radscribe.text.sections import READING, section_spans
from radscribe.text.sentences import sentence_spans

__all__ = [
    "LABELS",
    "PHRASES",
    "Mention",
    "ReportLabels",
    "Status",
    "describe",
    "find",
    "label",
    "summarise",
]

LABELS: tuple[str, ...] = (*PHRASES, "Normal")
_NORMAL = compile_phrases(r"(?:normal|clear|unremarkable|no acute|no active|no evidence|negative|intact)\b")
_OTHER = "Other"
_NOT = re.compile(r"\b(?:not|never|n't|no longer|hardly)\b")
# A word in lower case, a comma without a space or a slash, and a capitalised word.
_RESTART = re.compile(
    r"\b[a-z]{3,30}(?:(?P<comma>,)(?=[A-Z][a-z]{2})(?![^.;\n]{1,80}(?:\bn?or\b|,[A-Z]))"
    r"|\s{1,3}(?P<spaced>/)\s{1,3}(?=[A-Z][a-z]{2})"
    r"|(?P<glued>/)(?=[A-Z][a-z]{2,30}\s(?:is|are|present|unchanged|stable|seen|noted|again|persists?"
    r"|small|mild"
    r"|moderate|large|increased|decreased)\b))"
)
_LISTED = re.compile(r",[A-Z]")
# "No effusion, No PTX, Cardiomegaly": where each denial has a "No" of its own, an item without one is none.
_OWN_NO = re.compile(
    r"(?<=[,;]\s)No\s[^,.;\n]{1,60}(?P<own>,)(?=\s(?!No\b|Nor\b|Or\b|And\b)[A-Z][a-z]{2,30}(?:[.,;]|\s"
    r"|$)(?!or\b))"
)
# A line to write on, before an answer: behind a colon it is nothing, elsewhere it stands for one.
_UNDERSCORES = re.compile(r"(?P<asked>[:=?]\s{0,3})?_{2,}")
_RANK: dict[Status, int] = {"absent": 0, "uncertain": 1, "present": 2}
_TABLE: tuple[tuple[str, Phrase], ...] = tuple(
    (finding, phrase)
    for finding, phrases in (*PHRASES.items(), (_OTHER, OTHER_ABNORMALITY))
    for phrase in phrases
)


# Sentences as they were read: reports repeat each other. Findings, statuses and places, and locations.
_READ: dict[str, tuple[list[tuple[str, Status, int, int]], list[Location]]] = {}
_MOST_READ = 4096
# Findings that a side or a zone of the lung does not describe.
_UNPLACED = frozenset({"Cardiomegaly", "Scoliosis_or_Degenerative", "Normal"})
_ON_A_SIDE = frozenset({"Fracture", "Support_Devices"})  # their zones are not those of the lung


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where the text speaks of a finding.

    Parameters
    ----------
    finding : str
        One of `LABELS`.
    status : {"present", "absent", "uncertain"}
        What the text says of it.
    text : str
        The words that name the finding: `report[start:end]`.
    start, end : int
        Character positions in the report.
    side : {"left", "right", "bilateral"}, optional
        Side that the text gives for it.
    zones : tuple of {"upper", "mid", "lower"}
        Zones of the lung that the text gives for it.
    """

    finding: str
    status: Status
    text: str
    start: int
    end: int
    side: Side | None = None
    zones: tuple[Zone, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportLabels:
    """The findings of one report.

    Parameters
    ----------
    findings : dict
        Finding to "present", "absent" or "uncertain". A finding that the report does not mention has no key.
    mentions : tuple of Mention
        Every place where the report speaks of a finding, in the order of the text.
    """

    findings: dict[str, Status]
    mentions: tuple[Mention, ...]


def find(text: str) -> list[Mention]:
    """Return every mention of a finding, in the order of the text.

    A statement that denies findings without naming them ("the lungs are clear") is a mention of each.
    `Normal` is mentioned, as present, if something is called normal and no abnormality is asserted or
    doubted.

    Parameters
    ----------
    text : str
        A report or a caption.
    """
    return list(_mentions(text))


@lru_cache(maxsize=1024)  # captions repeat each other, and each is asked about for several ends
def _mentions(text: str) -> tuple[Mention, ...]:
    read = read_mentions(text, _TABLE, IMPLIED_ABSENT)
    found = [mention for mention in read if mention.finding != _OTHER]
    if all(mention.status == "absent" for mention in read):
        lowered = _lower(text)
        for span in section_spans(text):
            if span.section in READING:
                for saying in _NORMAL.finditer(lowered, span.start, span.end):
                    found.append(Mention("Normal", "present", text[slice(*saying.span())], *saying.span()))
    return tuple(found)


def read_mentions(
    text: str,
    table: Sequence[tuple[str, Phrase]],
    implied: Sequence[tuple[Phrase, tuple[str, ...]]] = (),
) -> list[Mention]:
    """Return the mentions of a vocabulary's findings, in the order of the text.

    Parameters
    ----------
    text : str
        A report.
    table : sequence of (str, Phrase)
        Finding and the phrases that name it.
    implied : sequence of (Phrase, tuple of str)
        Phrases that deny findings without naming them.
    """
    lowered = _lower(_with_stops(text))
    likely: list[tuple[str, Phrase]] | None = None  # phrases that the text may have; not yet asked for
    denying: list[tuple[Phrase, tuple[str, ...]]] = []
    usual = table is _TABLE and implied is IMPLIED_ABSENT
    found: list[Mention] = []
    corrected: set[str] = set()  # findings of which an addendum speaks
    reading = [span for span in section_spans(text) if span.section in READING]
    for section, start, end in (
        (span.section, *place) for span in reading for place in sentence_spans(text, span.start, span.end)
    ):
        sentence = lowered[start:end]
        known = _READ.get(sentence) if usual else None
        if known is None:
            if likely is None:
                likely = [(finding, phrase) for finding, phrase in table if phrase.key in lowered]
                denying = [(phrase, findings) for phrase, findings in implied if phrase.key in lowered]
                if not likely and not denying:
                    return []
            hits = list(_in_sentence(sentence, likely, denying))
            known = hits, locations(sentence) if hits else []
            if usual:
                if len(_READ) >= _MOST_READ:
                    _READ.clear()
                _READ[sentence] = known
        here, places = known
        reached: dict[str, int] = {}
        for finding, status, first, last in sorted(here, key=lambda hit: (hit[2], -hit[3])):
            # "Heart failure" within "congestive heart failure" is not a separate mention.
            if last > reached.get(finding, 0):
                reached[finding] = last
                words = text[start + first : start + last]
                side, zones = _placed(finding, status, sentence, places, first, last)
                found.append(Mention(finding, status, words, start + first, start + last, side, zones))
                if section == "addendum":
                    corrected.add(finding)
    if corrected:
        added = [span for span in reading if span.section == "addendum"]
        found = [
            mention
            for mention in found
            if mention.finding not in corrected
            or any(span.start <= mention.start < span.end for span in added)
        ]
    return found


def summarise(found: Iterable[Mention]) -> dict[str, Status]:
    """Return one status per finding. Assertion counts over doubt, and doubt over denial."""
    statuses: dict[str, Status] = {}
    for mention in found:
        before = statuses.get(mention.finding)
        if before is None or _RANK[mention.status] > _RANK[before]:
            statuses[mention.finding] = mention.status
    return statuses


def describe(found: Sequence[Mention]) -> dict[str, object]:
    """Return what JSON says of a report: `findings` to status, and `spans`, finding to its mentions."""
    spans: dict[str, list[dict[str, object]]] = {}
    for mention in found:
        span: dict[str, object] = {
            "text": mention.text,
            "start": mention.start,
            "end": mention.end,
            "status": mention.status,
        }
        if mention.side:
            span["side"] = mention.side
        if mention.zones:
            span["zones"] = list(mention.zones)
        spans.setdefault(mention.finding, []).append(span)
    return {"findings": summarise(found), "spans": spans}


def label(text: str) -> dict[str, Status]:
    """Return the status of each finding of a report. A finding that it does not mention has no key.

    Examples
    --------
    >>> label("The heart is enlarged. No pleural effusion.")
    {'Cardiomegaly': 'present', 'Effusion': 'absent'}
    """
    return summarise(find(text))


def _in_sentence(
    sentence: str,
    phrases: list[tuple[str, Phrase]],
    implied: list[tuple[Phrase, tuple[str, ...]]],
) -> Iterator[tuple[str, Status, int, int]]:
    """Finding, status, start and end of each mention in a lower-cased sentence."""
    hits = [
        (finding, *match.span())
        for finding, phrase in phrases
        if phrase.key in sentence
        for match in phrase.pattern.finditer(sentence)
    ]
    if hits:
        cues, said = scope.cues(sentence), templates.answers(sentence)
        starts = sorted(start for _, start, _ in hits)
        latest: dict[str, int] = {}
        for finding, start, _ in hits:
            latest[finding] = max(start, latest.get(finding, 0))
        for finding, start, end in hits:
            answer = _answer_to(said, start, end)
            status: Status | None
            if answer is None:
                status = scope.status(sentence, cues, start, end, starts)
            elif answer.status is None:
                # "Effusion: there is no effusion" says nothing before the colon; an unknown answer is open.
                status = None if latest[finding] > answer.end else "uncertain"
            else:
                status = answer.status
            if status is not None:
                yield finding, status, start, end
    for phrase, findings in implied:
        if phrase.key in sentence and (saying := phrase.pattern.search(sentence)):
            if _NOT.search(saying[0]):
                continue
            for finding in findings:
                yield finding, "absent", saying.start(), saying.end()


def _answer_to(said: list[templates.Answer], start: int, end: int) -> templates.Answer | None:
    """The template answer for the finding at `start`, unless its own words hold it ("heart: enlarged")."""
    place = bisect_right(said, start, key=lambda answer: answer.start) - 1
    return said[place] if place >= 0 and start < said[place].end and end <= said[place].end else None


def _placed(
    finding: str, status: Status, sentence: str, places: list[Location], start: int, end: int
) -> tuple[Side | None, tuple[Zone, ...]]:
    """The side and the zones of the mention at `sentence[start:end]`."""
    if not places or finding in _UNPLACED:
        return None, ()
    place = nearest(sentence, places, start, end, denied=status == "absent")
    if place is None:
        return None, ()
    return place.side, () if finding in _ON_A_SIDE else place.zones


def _with_stops(text: str) -> str:
    """Mark where a capital begins another statement, and lines of underscores, at unchanged positions.

    "No effusion,Cardiomegaly" and "No effusion / Cardiomegaly present" are two statements each, and
    "No Effusion/Edema" is one.
    """
    if "," in text or "/" in text:
        text = _RESTART.sub(_restart, text)
        if " No " in text:
            text = _OWN_NO.sub(lambda match: match[0][:-1] + ";", text)
    if "__" in text:
        text = _UNDERSCORES.sub(_line, text)
    return text.replace("\u2019", "'")


def _line(match: re.Match[str]) -> str:
    if asked := match["asked"]:
        return asked + " " * (len(match[0]) - len(asked))
    return " " * (len(match[0]) - 1) + "\u2026"


def _restart(match: re.Match[str]) -> str:
    """The end of a statement, unless the comma stands in a list: "No edema,Effusion,Pneumothorax"."""
    before = match.string[max(0, match.start() - 80) : match.start()]
    if match["comma"] and _LISTED.search(before.rpartition(".")[2]):
        return match[0]
    return match[0].replace(str(match[match.lastgroup or 0]), ";")


def _lower(text: str) -> str:
    """Lower case with unchanged character positions."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(low if len(low := character.lower()) == 1 else character for character in text)
    return lowered
