"""Sections of a free-text report: which text is the reading, and which is the question or a comparison.

Follows the layout of MIMIC-CXR reports and their exceptions: headings within a line, misspelt headings in
capitals, headings that no list knows, a reading without a heading, and addenda.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal

from radscribe.text.report import Report

Section = Literal["indication", "comparison", "findings", "impression", "addendum", "other", "unknown"]

# Heading → section. A `Report` leaves out the section "other": technique, notices to the ward.
HEADINGS: dict[str, Section] = {
    r"indications?(?: for (?:the )?(?:study|exam(?:ination)?|procedure))?"
    r"|(?:clinical |patient |brief )?history|hx|clinical (?:info(?:rmation)?|context|presentation"
    r"|indication|data|statement"
    r"|details|question|history|hx|notes?)|(?:underlying )?medical condition|(?:admitting|admission|referral"
    r"|working) diagnosis|cc|hpi|reason(?: for (?:the |this )?(?:exam(?:ination)?|study|visit|request))?"
    r"|symptoms?|(?:presenting )?complaint|clinical": "indication",
    r"comparisons?(?: (?:stud(?:y|ies)|exams?|films?))?|priors?(?: (?:stud(?:y|ies)|exams?))?"
    r"|compar(?:ed|ison)(?: is made)? (?:to|with)|compare": "comparison",
    r"findings?|description|(?:chest|radiographic|radiologic(?:al)?|imaging|cxr|x-?ray) findings"
    r"|report|results?|observations?|body"
    r"|(?:final|preliminary|radiology) report|interpretation": "findings",
    r"impressions?|imp|conclusions?|opinion|summary|assessment|(?:final )?(?:impression|diagnosis)"
    r"|findings?(?: and | ?/ ?| ?& ?)impressions?|impressions?(?: and | ?/ ?| ?& ?)(?:plan|recommendations?)"
    r"|radiologic(?:al)? (?:diagnosis|impression|conclusion)": "impression",
    r"(?:final |late |second |new |report )?addend(?:um|a|ed)\b.*|(?:corrections?|amendments?"
    r"|revision)(?: to (?:the )?report)?"
    r"|(?:corrected|amended|revised|updated|modified) (?:final )?(?:reports?|impressions?|findings?"
    r"|readings?|conclusions?"
    r"|interpretation)": "addendum",
    r"(?:type of )?exam(?:ination)?(?: type)?|procedures?|stud(?:y|ies)|technique|(?:number of )?views?"
    r"|modality|wet read|recommendations?|notifications?|attestation|dictated by|signed by|date|time|patient"
    r"|name|mrn|accession(?: number)?|electronically signed by|radiologists?|physician|referring physician"
    r"|transcribed by|contrast|dose|quality|limitations?|communication|disposition": "other",
}
# Sections that say what the images show.
READING: frozenset[Section] = frozenset({"findings", "impression", "addendum"})
_SECTION_OF = {re.compile(names, re.I): section for names, section in HEADINGS.items()}
_SPELLED: dict[str, Section] = {
    **dict.fromkeys(("INDICATION", "INDICATIONS", "HISTORY", "CLINICAL HISTORY"), "indication"),
    **dict.fromkeys(("REASON FOR EXAM", "REASON FOR EXAMINATION", "CLINICAL INFORMATION"), "indication"),
    **dict.fromkeys(("COMPARISON", "COMPARISONS"), "comparison"),
    **dict.fromkeys(("FINDINGS", "FINDING", "DESCRIPTION"), "findings"),
    **dict.fromkeys(("IMPRESSION", "IMPRESSIONS", "CONCLUSION", "CONCLUSIONS"), "impression"),
    "ADDENDUM": "addendum",
    **dict.fromkeys(("TECHNIQUE", "EXAMINATION", "RECOMMENDATION", "RECOMMENDATIONS", "PROCEDURE"), "other"),
}
# "CHEST, TWO VIEWS:", "PORTABLE AP CHEST RADIOGRAPH:" head a reading.
_OF_THE_CHEST = re.compile(
    r"\b(?:CHEST|CXR|THORAX|PORTABLE|FRONTAL|LATERAL|RADIOGRAPHS?|VIEWS?|UPRIGHT|SUPINE|PA|AP)\b"
)
# "HEART:", "PLEURAL EFFUSION:" name a part of the reading, or are a template's line.
_PART = re.compile(
    r"\b(?:HEART|CARDI\w*|LUNGS?|PULMONARY|PLEURA\w*|MEDIASTIN\w*|HIL(?:A|AR|UM)|BON(?:ES?|Y)|OSSEOUS"
    r"|SKELET\w*"
    r"|RIBS?|SPINE|SOFT TISSUES?|DIAPHRAGMS?|AORTA|TRACHEA|AIRWAYS?|LINES?|TUBES?|DEVICES?|HARDWARE|VASC\w*"
    r"|PARENCHYMA|(?:UPPER )?ABDOMEN|COSTOPHRENIC|PNEUMO\w+|EFFUSIONS?|EDEMA|CONSOLID\w+|OPACIT\w+|NODUL\w+"
    r"|MASS(?:ES)?|INFILTRAT\w+|ATELECT\w+|EMPHYSEMA|FIBROSIS|HERNIA|FRACTURES?|OTHER|LEFT|RIGHT|PTX|PNA"
    r"|ETT|NGT|PICC"
    r"|R[UML]L|L[UL]L|CATHETERS?)\b"
)
# "Portable chest:", "PA and lateral views of the chest:" do in any case at the start of a line.
_TITLE = re.compile(
    r"(?:\b(?:portable|frontal|lateral|single|one|two|three|1|2|3|pa|ap|and|upright|supine"
    r"|semi-?(?:upright|erect)"
    r"|erect|bedside|chest|cxr|thorax|views?|radiographs?|radiography|x-?rays?|films?|of"
    r"|the)\b[ ,/&]{0,3}){1,12}",
    re.I,
)
# Headings that stand in small letters, or before a dash: "findings: …", "Findings - …".
_PLAIN = re.compile(
    r"indications?|(?:clinical )?history|comparisons?|technique|findings|impressions?"
    r"|conclusions?|exam(?:ination)?",
    re.I,
)
_SMALL = re.compile(rf"(?<!\s)\s{{0,40}}(?:{_PLAIN.pattern})\s?:")
_READ_TITLE = re.compile(r"\b(?:Findings|Impression)\s?:")
_DASHED = re.compile(rf"(?<![ \t])[ \t]{{0,40}}(?:{_PLAIN.pattern})\s?[-\u2013\u2014]{{1,2}}[ \t]", re.I)
# Other signs than a colon: "<b>Findings:</b>", "[FINDINGS]", "FINDINGS=", "IMPRESSION --".
_HEADED = r"(?:INDICATION|HISTORY|COMPARISON|TECHNIQUE|FINDINGS|IMPRESSION|CONCLUSION)S?"
_SIGNED = re.compile(
    rf"(?P<line><(?:br|/p|/div|/h[1-6])\s{{0,3}}/?>)|</?(?:b|i|u|p|div|strong|em|h[1-6])>"
    rf"|[\[(](?P<boxed>{_HEADED})[\])]|\b(?P<signed>{_HEADED})\s{{0,2}}(?:=(?!=)|--(?!-)|>{{1,3}})"
    rf"|(?:^|(?<=\n)|(?<=[.;]\s))(?P<led>{_HEADED})(?:\s?[-\u2013\u2014](?=\s)|\.(?=\s))"
)
# "10:30", "A.M.", "Dr. Smith": signs that end no heading.
_NO_END = re.compile(r"(?<=\d):(?=\d\d(?!\d))|(?<=\b[ap])\.(?=m\b)|(?<=\b[ap]\.m)\.|(?<=\bdr)\.", re.I)
# "No effusionIMPRESSION:"
_GLUED = re.compile(rf"[a-z](?P<heading>{_HEADED})$")
_FRAME = " \t\r=*#_-<>[]"  # around a heading
# A question or a comparison takes one paragraph; a paragraph behind it without a heading is the reading.
_OF_ONE_PARAGRAPH = frozenset({"indication", "comparison", "other"})
_PARAGRAPH = re.compile(r"\n[ \t\r]{0,40}\n\s{0,40}")
_WRITTEN_BY = re.compile(
    r"(?:dictated|signed|electronically|transcribed|dr\b|attending|resident|approved|\W*$)", re.I
)
_BOTH = re.compile(r"\s?[/&]\s?|\sAND\s", re.I)
_ENDS = ".!?:;\n\t\u3002\uff1b"
_LONGEST = 70  # characters of a heading


@dataclass(frozen=True, slots=True)
class SectionSpan:
    """The text of a section, `text[start:end]`, without its heading.

    Parameters
    ----------
    section : str
        Name of the section; "unknown" stands under a heading that no list knows.
    start, end : int
        Character positions.
    heading : str
        The heading as written, empty if there is none.
    """

    section: Section
    start: int
    end: int
    heading: str = ""


@dataclass(frozen=True, slots=True)
class SectionedReport:
    """A report by section, and what has no place in it.

    Parameters
    ----------
    report : Report
        The sections.
    unknown : tuple of str
        Headings that no list knows. Their text is in no section; a source should count them and say so.
    has_reading : bool
        Whether there are findings, an impression or an addendum.
    """

    report: Report
    unknown: tuple[str, ...]
    has_reading: bool


def section_spans(text: str) -> list[SectionSpan]:
    """Return the sections of a report in order; they cover the text except the headings.

    Text before the first heading, and a text without headings, is `findings`. So is a paragraph without a
    heading that follows a question, a comparison or a technique.
    """
    written = text
    text = _NO_END.sub("-", _SIGNED.sub(_with_colon, text).replace("\uff1a", ":"))
    spans: list[SectionSpan] = []
    section: Section = "findings"
    start, heading = 0, ""
    for begin, end, following in _headings(text):
        if following == "part" and section in READING:
            continue  # "HEART: enlarged" goes on with the reading
        _add(spans, text, SectionSpan(section, start, begin, heading))
        if following == "part":
            section, start, heading = "findings", begin, ""
        else:
            section, start, heading = following, end, " ".join(written[begin:end].split())
    _add(spans, text, SectionSpan(section, start, len(text), heading))
    return spans


def _with_colon(match: re.Match[str]) -> str:
    """What stands for a sign in plain text, as long as the sign."""
    if match["line"]:
        return "\n".rjust(len(match[0]))
    heading = match["boxed"] or match["signed"] or match["led"]
    begin = f" {heading}" if match["boxed"] else heading
    return begin.ljust(len(match[0]) - 1) + ":" if heading else " " * len(match[0])


def read_sections(text: str) -> SectionedReport:
    """Return a free-text report by section, with the headings that could not be placed.

    Sections of one name are joined by a line break. An addendum is part of the impression.

    Parameters
    ----------
    text : str
        The report as written.

    Examples
    --------
    >>> read = read_sections("INDICATION: Cough. FINDINGS: Lungs are clear. BILLING CODE: 71046.")
    >>> read.report.findings, read.unknown, read.has_reading
    ('Lungs are clear.', ('BILLING CODE',), True)
    """
    text = _SIGNED.sub(_with_colon, text)
    parts: dict[Section, list[str]] = {}
    spans = section_spans(text)
    for span in spans:
        parts.setdefault(span.section, []).append(text[span.start : span.end].strip())
    joined = {section: "\n".join(texts) for section, texts in parts.items()}
    impression = "\n".join(joined[name] for name in _READ_LAST if name in joined)
    report = Report(
        indication=joined.get("indication", ""),
        comparison=joined.get("comparison", ""),
        findings=joined.get("findings", ""),
        impression=impression,
    )
    unknown = tuple(span.heading.rstrip(" :") for span in spans if span.section == "unknown")
    return SectionedReport(report, unknown, bool(report.findings or report.impression))


_READ_LAST: tuple[Section, ...] = ("impression", "addendum")


def sections(text: str) -> Report:
    """Split a free-text report into its sections.

    Parameters
    ----------
    text : str
        A whole report, with or without headings.

    Returns
    -------
    Report
        The text of each section. `read_sections` also says what could not be placed.

    Examples
    --------
    >>> sections("INDICATION: Cough.  FINDINGS: Lungs are clear.  IMPRESSION: Normal chest.").findings
    'Lungs are clear.'
    """
    return read_sections(text).report


def _add(spans: list[SectionSpan], text: str, span: SectionSpan) -> None:
    """Add a span; split off the reading that follows a question without a heading."""
    if not text[span.start : span.end].strip():
        return
    if span.section in _OF_ONE_PARAGRAPH and span.heading:
        for gap in _PARAGRAPH.finditer(text, span.start, span.end):
            if text[span.start : gap.start()].strip() and not _WRITTEN_BY.match(text, gap.end(), span.end):
                spans.append(SectionSpan(span.section, span.start, gap.start(), span.heading))
                spans.append(SectionSpan("findings", gap.end(), span.end))
                return
    spans.append(span)


def _headings(text: str) -> Iterator[tuple[int, int, Section | Literal["part"]]]:
    """Start, end and section of each heading."""
    if ":" not in text and "\n" not in text:
        return
    position = line = 0
    small = _SMALL.match(text) is not None
    titled = small or _READ_TITLE.search(text) is not None
    while line <= len(text):
        stop = text.find("\n", line)
        stop = len(text) if stop < 0 else stop
        alone = text[line:stop].strip(_FRAME)
        section: Section | Literal["part"] | None
        if ":" not in alone:
            if alone and len(alone) <= _LONGEST and (section := _alone(alone)):
                yield line, stop, section
                position = stop
            elif dashed := _DASHED.match(text, line, stop):
                section = _known(dashed[0].strip(_FRAME + "\u2013\u2014"))
                if section and alone[0].isupper():
                    yield line, dashed.end(), section
                    position = dashed.end()
        else:
            colon = text.find(":", line, stop)
            while colon >= 0:
                begin = max(line, position, colon - _LONGEST)
                begin = max(begin, 1 + max(text.rfind(sign, begin, colon) for sign in _ENDS))
                name = text[begin:colon].strip(_FRAME)
                found = _named(name) if name else None
                if not found and name:
                    found = _titled(name) if begin == line else None
                    last = name.split(" ")[-1]
                    if not found and _PLAIN.fullmatch(last) and (small or (titled and last.istitle())):
                        whole = name if _known(name) else last
                        found = _known(whole) or "findings", len(whole)
                if found:
                    section, shorter = found
                    first = text.find(name, begin, colon) + len(name) - shorter
                    yield first, colon + 1, section
                    position = colon + 1
                colon = text.find(":", colon + 1, stop)
        line = stop + 1


@lru_cache(maxsize=4096)
def _titled(name: str) -> tuple[Section | Literal["part"], int] | None:
    """The section of what begins a line before a colon, not in capitals: "Portable chest", "Impresion"."""
    if not name[0].isupper():
        return None
    if _TITLE.fullmatch(name) and _OF_THE_CHEST.search(name.upper()):
        return "findings", len(name)
    section = _misspelt(name.upper()) if name.istitle() else None
    if section is None and name.count(" ") < 4 and _PART.match(name.upper()):
        return "part", len(name)
    return (section, len(name)) if section else None


@lru_cache(maxsize=4096)
def _alone(line: str) -> Section | None:
    """The section of a line that is nothing but a heading without a colon."""
    if not (line.isupper() or line.istitle()):
        return None
    return _known(line) or (_misspelt(line) if line.isupper() else None)


@lru_cache(maxsize=4096)
def _named(name: str) -> tuple[Section | Literal["part"], int] | None:
    """The section of what stands before a colon, and how many of its last characters are the heading."""
    if name[0].isupper() and (section := _known(name)):
        return section, len(name)
    words = name.split(" ")
    for count in range(1, min(5, len(words))):
        last = " ".join(words[-count:])
        if last.isupper() and (section := _known(last)) and not name.isupper():
            return section, len(last)
        if count == 1 and last.istitle() and _known(last) in ("findings", "impression") and last[-1] == "s":
            return "findings" if last == "Findings" else "impression", len(last)
    if glued := _GLUED.search(name):
        return _known(glued["heading"]) or "findings", len(glued["heading"])
    if not name.isupper() or sum(map(str.isalpha, name)) < 3:
        return None
    if section := _misspelt(name):
        return section, len(name)
    if _PART.search(name):
        return "part", len(name)
    return ("findings" if _OF_THE_CHEST.search(name) else "unknown"), len(name)


def _known(name: str) -> Section | None:
    section = next((section for pattern, section in _SECTION_OF.items() if pattern.fullmatch(name)), None)
    if section is None and len(parts := _BOTH.split(name)) > 1:
        named = {_known(part) for part in parts}  # "CLINICAL HISTORY/INDICATION"
        return named.pop() if len(named) == 1 else None
    return section


def _misspelt(name: str) -> Section | None:
    """The section of a heading in capitals with a letter or two wrong: "IMPRESION", "FINDNGS"."""
    if not 6 <= len(name) <= 24 or name == "COMPRESSION":
        return None
    close = get_close_matches(name, _SPELLED, n=1, cutoff=0.82)
    return _SPELLED[close[0]] if close else None
