"""What became of a finding since the prior study, as a report says it.

Reads one word of change per mention: "new", "resolved", "has increased", "smaller than before", "unchanged".
Words before a finding go with the next one, and words behind a verb with the one before.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from radscribe.labels import CHANGES, Change
from radscribe.text.findings import Mention, find
from radscribe.text.lexicon import spell
from radscribe.text.location import Side
from radscribe.text.sentences import compares_with_prior, sentence_spans

# The first alternative that matches counts: "nearly resolved" is smaller, "not much changed" is unchanged.
_PARTLY = r"(?:partial(?:ly)?|near(?:ly)?|almost|mostly|largely|incomplete(?:ly)?)(?:[- ]complete(?:ly)?)?"
_WORDS: tuple[tuple[Change | None, str], ...] = (
    (
        "unchanged",
        r"(?:no|without|not)(?: \w+){0,3} change[ds]?|unchanged|unaltered|stable|stability|similar|persist\w*"
        r"|remain(?:s|ed|ing)?|still|again(?: (?:seen|noted|demonstrated))?|re-?demonstrat\w+|residual"
        r"|as before|the same",
    ),
    ("smaller", rf"{_PARTLY} (?:resol(?:ved|ution)|clear(?:ed|ing))|resolving|clearing|no longer as \w+"),
    (
        None,  # "has not increased" leaves open what became of it
        r"(?:no|not|without|never)(?: (?:\w+ly|yet|evidence of|an?|interval|been|new|significant)){0,3}"
        r" (?:increas\w+|decreas\w+|larger|smaller|wors\w+|improv\w+|progress\w*|resol\w+|clear\w+|new)",
    ),
    ("resolved", r"resolved|resolution|cleared|no longer|disappeared|gone|removed|removal"),
    (
        "larger",
        r"increas(?:e|es|ed|ing)|larger|bigger|worse(?:n\w*)?|progress(?:ed|ion|ing|ive)?|enlarging|grown|growth"
        r"|more (?:prominent|extensive|pronounced|conspicuous)|greater",
    ),
    (
        "smaller",
        r"decreas(?:e|es|ed|ing)|smaller|improv\w+|diminish(?:ed|ing)|regress(?:ed|ion)?|reduc(?:ed|tion)"
        r"|less (?:prominent|extensive|pronounced|conspicuous)|lessened",
    ),
    ("appeared", r"new|newly|developed|developing|development|appeared|appearance of|recurren\w+|recurred"),
)
_CUE = re.compile("|".join(rf"(?P<w{i}>\b(?:{spell(words)})\b)" for i, (_, words) in enumerate(_WORDS)))
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|been|appears?|seems?|shows?)(?: \w+ly| in the interval| also| now"
    r"| been| somewhat)* ?$"
)
_VERB_ITSELF = re.compile(r"(?:remain|persist(?:s|ed)$)")
_CLAUSE = re.compile(r"[;:]|, |\b(?:but|while|whereas|although|though|with)\b")
_start_of = attrgetter("start")


@dataclass(frozen=True, slots=True)
class CourseMention:
    """A place where the text says what became of a finding.

    Parameters
    ----------
    finding : str
        One of the labeller's findings.
    change : {"appeared", "resolved", "larger", "smaller", "unchanged"}
        What became of it since the prior study.
    side : {"left", "right", "bilateral"}, optional
        Side that the text gives for the finding.
    start, end : int
        Character positions of the words of change in the text.
    """

    finding: str
    change: Change
    side: Side | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Cue:
    change: Change | None
    start: int
    end: int
    behind: bool  # behind a verb: goes with the finding before it


def courses(text: str) -> list[CourseMention]:
    """Return what a text says became of each finding since the prior study, in the order of the text.

    Parameters
    ----------
    text : str
        A report or a caption.

    Examples
    --------
    >>> for said in courses("The right effusion has increased. New left pneumothorax. No new opacity."):
    ...     print(said.finding, said.change, said.side)
    Effusion larger right
    Pneumothorax appeared left
    """
    return list(_courses(text, find(text)))


def changes(text: str) -> dict[str, Change]:
    """Return the change of each finding; a finding whose change the text does not give has no key.

    If a text gives several changes of one finding, the first of appeared, resolved, larger, smaller and
    unchanged counts.
    """
    found: dict[str, Change] = {}
    for said in courses(text):
        before = found.get(said.finding, said.change)
        found[said.finding] = min(before, said.change, key=CHANGES.index)
    return found


def _courses(text: str, mentions: Sequence[Mention]) -> Iterator[CourseMention]:
    if not mentions:
        return
    lowered = text.lower()
    for start, end in sentence_spans(text):
        here = mentions[
            bisect_left(mentions, start, key=_start_of) : bisect_left(mentions, end, key=_start_of)
        ]
        if not here or not compares_with_prior(text[start:end]):
            continue
        cues = list(_cues(lowered, start, end))
        for mention in here:
            cue = _cue_of(mention, cues, here, lowered)
            if cue is not None and cue.change and _fits(mention, cue.change):
                yield CourseMention(mention.finding, cue.change, mention.side, cue.start, cue.end)


def _cues(lowered: str, start: int, end: int) -> Iterator[_Cue]:
    for match in _CUE.finditer(lowered, start, end):
        change = _WORDS[int(str(match.lastgroup)[1:])][0]
        behind = bool(
            _VERB.search(lowered, max(start, match.start() - 60), match.start())
            or _VERB_ITSELF.match(match[0])
        )
        yield _Cue(change, *match.span(), behind)


def _cue_of(mention: Mention, cues: Sequence[_Cue], mentions: Sequence[Mention], lowered: str) -> _Cue | None:
    """The words of change that go with a mention: the nearest that read its way, in its clause first."""
    fitting: list[tuple[bool, int, int, _Cue]] = []
    for place, cue in enumerate(cues):
        if mention.start <= cue.start < mention.end:  # "heart remains enlarged"
            return cue
        after = cue.start >= mention.end
        if cue.behind and not after:
            continue
        if after and not cue.behind and any(cue.end <= other.start for other in mentions):
            continue  # goes with a later finding
        between = (mention.end, cue.start) if after else (cue.end, mention.start)
        apart = _CLAUSE.search(lowered, *between) is not None
        if apart and not after and any(cue.end <= other.start < mention.start for other in mentions):
            continue  # "unchanged effusion, cardiomegaly"
        fitting.append((apart, max(between[1] - between[0], 0), place, cue))
    return min(fitting)[-1] if fitting else None


def _fits(mention: Mention, change: Change) -> bool:
    """Whether a status and a change agree: "no new effusion" says that nothing changed."""
    if mention.status == "absent":
        return change == "resolved"
    return mention.status == "present" and change != "resolved"
