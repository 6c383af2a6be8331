"""Findings in templates: answers behind a colon, boxes, and signs.

"Pneumothorax: no", "Effusion - none", "[x] Cardiomegaly", "Edema (-)", "+ effusion".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from radscribe.text.lexicon import spell

Verdict = Literal["present", "absent", "uncertain"]

_SEEN = (
    r"(?:seen|identified|present|noted|detected|evident|visible|found|appreciated|demonstrated|apparent"
    r"|visuali[sz]ed|observed|shown|recogni[sz]ed)"
)
# An answer of one word ends there, or at the next label: "Effusion: no Edema: yes".
_ENDS = r"(?= ?(?:$|[.,;)|/\]\"'*>\t\u2026]|[-\u2013\u2014] |(?:\w+ ){0,3}\w+ ?[:=]))"
_NO = (
    r"(?:-ve\b|-"
    + _ENDS
    + r"|(?:no|none|n(?!/)|neg|negative|nil|absent|false|0|nothing|nad|unlikely|excluded|ruled out"
    rf"|(?:not|never) {_SEEN}|no (?:\w+ )?(?:evidence|signs?)|no (?:definite|obvious|acute|significant"
    rf"|focal|large|gross"
    rf"|convincing|overt|new|visible|discernible|such)(?: \w+ly)?)(?:{_ENDS}|(?= {_SEEN}\b))"
    rf"|(?:not|never) {_SEEN}\b(?! (?:on|in) (?:the )?(?:prior|previous|lateral))"
    r"|(?:(?:completely|fully|now|since|has|have|interval(?:ly)?) ){0,2}(?:resolved|cleared"
    r"|gone|disappeared)\b(?! (?:\w+ )?(?:partial\w*|incomplete\w*|in part|almost|near\w*|mostly|largely))"
    r"|(?:(?:is|are|there (?:is|are)) )?(?:none|nil|absent|excluded|not significant)\b)"
)
_MAYBE = (
    r"(?:not (?:well|fully|optimally|adequately) \w+|possibl[ey]|questionable|question"
    r"|uncertain|unclear|equivocal|suspected|suspicious|indeterminate|may"
    r"|might|could|consider|cannot|can't|can not|not excluded|maybe|perhaps|\?)"
)
_YES = (
    rf"(?:(?:yes|y|true|1|x){_ENDS}|(?:present|positive|pos|seen|noted|identified|mild\w*|moderate\w*"
    r"|severe\w*|small|large|tiny|trace|minimal\w*|slight\w*|marked\w*|massive|left|right|bilateral\w*"
    r"|bi-?basilar|basilar|basal|apical|upper|lower|stable|unchanged|chronic|persist\w+|increas\w+"
    r"|decreas\w+|worse\w*|improv\w+|new|old|unilateral|focal|diffuse|patchy|subtle|loculated|multiple"
    r"|single|several|few|scattered|r[uml]l|l[ul]l|enlarged|borderline|probabl[ey]|likely|acute|in|at|on"
    r"|grade"
    r"|extensive|dense|early|layering|again|healed|there (?:is|are) a|resolving|clearing"
    r"|(?:not|nearly|part(?:ial)?ly|almost|incompletely|mostly"
    r"|largely)(?: \w+ly)? (?:resolved|cleared)"
    r"|(?:resolved|cleared) (?:\w+ )?(?:partial\w*|incomplete\w*|in part|mostly|largely))\b|\d|\+"
    r"|[\u2611\u2612\u2713\u2714])"
)
# An order instead of an answer: "Pneumothorax - r/o".
_ORDER = rf"(?:r/o|r\.o\.|rule out|exclude|eval(?:uate)?\.?|query|\?){_ENDS}"
_ANSWER = re.compile(
    rf"(?:(?:[:?]|=(?!>))(?:\s{{0,3}}(?:a|ans|answer)\s?:)?"
    rf"|\s[-\u2013\u2014](?=\s))[\s\"'*<(_\[\u2026]{{0,9}}(?:(?P<absent>{spell(_NO)})"
    rf"|(?P<ordered>{spell(_ORDER)})|(?P<uncertain>{spell(_MAYBE)})|(?P<present>{spell(_YES)})"
    r"|(?P<other>(?<=[:=])))"
)
_WORD_NO = r"no|none|neg|negative|absent|nil|n"
_WORD_YES = r"yes|pos|positive|present|y"
# A cell, an arrow or a leader before an answer that is a word: "Effusion | no |", "Effusion ... none".
_LEADER = re.compile(
    rf"(?:(?<![:=])[|\t;]|(?<=\w)\s{{2,9}}|(?<=\w\w)\s(?=[yn]\s{{0,3}}(?:[;,.|]|$))|,(?=\s?(?:{_WORD_NO}"
    rf"|{_WORD_YES})\s{{0,9}}$)|(?<=\s)/|[-=]>"
    rf"|\.{{2,9}}|\u2026|(?<!_)_{{2,40}})(?=\s{{0,9}}(?:{_WORD_NO}|{_WORD_YES}|not\s{_SEEN}|none\s{_SEEN}"
    rf"|[-+](?=\s{{0,9}}[|\t]))"
    r"\s{0,9}(?:[|\t.,;]|\s{2}|$|(?:\w+\s{1,40}){1,3}\u2026|\u2026))"
)
# An answer for each side: "Effusion: R: none L: small".
_SIDE_NAMED = r"(?:right|left|rt|lt|r|l|r[uml]l|l[ul]l)\b"
_SIDES = re.compile(rf"\b{_SIDE_NAMED}.{{1,60}}?\b{_SIDE_NAMED}")
_PLACE = rf"{_SIDE_NAMED}\.?(?: ?[:=\u2013-])? ?"
_ON = rf" (?:(?:on|in|at) (?:the )?)?{_SIDE_NAMED}"


def _either(place: int) -> str:
    """Return the pattern of an answer, with groups whose names end in a number."""
    kinds = {"absent": _NO, "uncertain": f"{_ORDER}|{_MAYBE}", "present": _YES}
    return (
        "(?:"
        + "|".join(f"(?P<{kind}{place}>{spell(said)})" for kind, said in kinds.items())
        + r")[\w-]{0,20}"
    )


_PAIRS = (
    re.compile(  # "R: none L: small"
        rf"(?:[:=,]|\s[-\u2013\u2014])?\s{{0,9}}\b{spell(_PLACE)}{_either(1)}"
        rf"\s{{0,9}}[,;.|/]?\s{{0,9}}(?:and\s)?{spell(_PLACE)}{_either(2)}"
    ),
    re.compile(  # ": none on the right, small on the left"
        rf"[:=]\s{{0,9}}{_either(1)}{spell(_ON)}\s{{0,9}}[,;|/]?\s{{0,9}}(?:(?:and"
        rf"|but)\s)?{_either(2)}{spell(_ON)}"
    ),
)
_BOX = re.compile(
    rf"(?P<absent>\[\s{{0,3}}\]|\(\s{{1,3}}\)|[\u2610\u25a1\u25cb]|\(\s?(?:[-\u2013\u2212]"
    rf"|{_WORD_NO})\s?\)|[\[{{]\s?(?:[-\u2013\u2212]|{_WORD_NO})\s?[\]}}]"
    r"|[\u2717\u2718\u2716\u274c])"
    r"|(?P<present>\[\s?[x*\u2713\u2714+]\s?\]|\(x\)|[\u2611\u2612\u2713\u2714\u25a0]"
    rf"|\(\s?(?:\+|{_WORD_YES})\s?\)|[\[{{]\s?(?:{_WORD_YES})\s?[\]}}])"
)
_SIGN_BEFORE = re.compile(r"(?:^|(?<=[\s,;/]))(?:(?P<present>\+)(?!\s?no\b)|(?P<absent>-))\s?(?=[a-z])")
# Signs without a plus: not the dashes of a list, whose items begin with other words.
_MINUS = re.compile(
    r"(?:^|(?<=[\s,;/]))(?P<absent>-)(?=[a-z])(?!(?:no|not|without|mild\w*|moderate|severe|small|large"
    r"|trace|tiny"
    r"|minimal|new|old|the|there|left|right|bilateral|stable|unchanged|increas\w+|decreas\w+|persist\w+"
    r"|possibl[ey]|probabl[ey]|likely|interval|status|ap|pa)\b)"
)
_MINUS_SHORT = re.compile(r"(?P<absent>-)(?=(?:ptx|pnx|pna|eff|chf|asd|atx|effs)\s{0,9}[.,;]?\s{0,9}$)")
_SIGN_BEHIND = re.compile(
    r"(?<=[a-z])\s?(?:(?P<present>\+(?:ve\b)?)|(?P<absent>-(?:ve\b)?|0(?!\.\d)))(?=\s?(?:[.,;]|$)"
    r"|\s{1,3}[a-z]{2,12}[-+](?:[\s.,;]|$))"
)
_ASKS = re.compile(
    r"\w\s\s|\w\s[yn]\s{0,3}(?:[;,.|]|$)|,\s?(?:no|none|yes|neg|pos)\w{0,5}\s{0,9}$|[:=?|\t;/\u2026_]"
    r"|\s[-\u2013\u2014]\s|->|\.\."
    r"|\by ?/ ?n\b|\byes ?/ ?no\b"
)
_CHOICE = re.compile(r"\(?\by ?/ ?n\b\)?|\(?\byes ?/ ?no\b\)?")
_OPTION = re.compile(r"\b(?:(?P<present>yes|present)|(?P<absent>no|none|absent))\b")
_WORD = re.compile(r"\w")
_SIDE = re.compile(r"\s{0,9}(?:right|left|bilateral|rt|lt|r|l)\s{0,9}")
_LONGEST = 60  # characters of a label: "Pleural effusion, left: none"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a template for the findings that begin at `sentence[start:end]`.

    Parameters
    ----------
    status : {"present", "absent", "uncertain"}, optional
        None if the answer is not understood.
    start, end : int
        Positions in the sentence.
    """

    status: Verdict | None
    start: int
    end: int


def answers(sentence: str) -> list[Answer]:
    """Return what the answers, boxes and signs of a lower-cased sentence say, in order."""
    found: list[Answer] = []
    for pattern in _PAIRS if _SIDES.search(sentence) else ():
        if pairs := [*pattern.finditer(sentence)]:
            found += [_of_both_sides(sentence, pair) for pair in pairs]
            sentence = pattern.sub(lambda pair: " " * len(pair[0]), sentence)
    if _ASKS.search(sentence):
        found += _colons(_LEADER.sub(_colon, _CHOICE.sub(_blank, sentence)))
    marks = [*_BOX.finditer(sentence)]
    chosen = _chosen(sentence, marks)
    if chosen is not None:
        return [chosen]
    if not marks and "+" in sentence:
        marks = [*_SIGN_BEFORE.finditer(sentence)]
    if not marks and "-" in sentence:
        marks = [*_MINUS.finditer(sentence)]
        if len(marks) == 1:
            marks = [*filter(None, [_MINUS_SHORT.match(sentence)])]
    if not marks and any(sign in sentence for sign in "+-0"):
        marks = [*_SIGN_BEHIND.finditer(sentence)]
    found += _marked(sentence, marks)
    return sorted(found, key=lambda answer: answer.start)


def _of_both_sides(sentence: str, pair: re.Match[str]) -> Answer:
    """Combine the answers for two sides into the status of the label before them."""
    said = {name[:-1] for name, value in pair.groupdict().items() if value is not None}
    verdict: Verdict = "present" if "present" in said else "uncertain" if "uncertain" in said else "absent"
    first = 1 + max(sentence.rfind(sign, max(0, pair.start() - _LONGEST), pair.start()) for sign in ".;,|/")
    return Answer(verdict, max(first, pair.start() - _LONGEST), pair.start())


def _blank(match: re.Match[str]) -> str:
    """Spaces, or a colon where none follows: "Effusion (Y/N) N"."""
    asks = match.string[match.end() : match.end() + 3].lstrip()[:1] in tuple(":=?-")
    return " " * len(match[0]) if asks else _colon(match)


def _colon(match: re.Match[str]) -> str:
    return ":" + " " * (len(match[0]) - 1)


def _chosen(sentence: str, boxes: list[re.Match[str]]) -> Answer | None:
    """The status that "[x] No [ ] Yes" gives to the words before it."""
    boxes = [box for box in boxes if not _OPTION.search(box[0])]
    options = [*_OPTION.finditer(sentence)] if boxes else []
    if {option.lastgroup for option in options} != {"present", "absent"}:
        return None
    before = boxes[0].start() < options[0].start()
    for box in boxes:
        if box.lastgroup == "present":
            beside = [o for o in options if (o.start() >= box.end() if before else o.end() <= box.start())]
            if beside:
                option = beside[0] if before else beside[-1]
                first = min(boxes[0].start(), options[0].start())
                return Answer(cast(Verdict, option.lastgroup), 0, first)
    return None


def _colons(sentence: str) -> list[Answer]:
    found: list[Answer] = []
    begin = 0
    for match in _ANSWER.finditer(sentence):
        begin = max(begin, match.start() - 2 * _LONGEST)
        first = max(begin, 1 + max(sentence.rfind(sign, begin, match.start()) for sign in ".;,|/"))
        while (
            first > begin and sentence[first - 1] == "," and _SIDE.fullmatch(sentence, first, match.start())
        ):
            first = max(begin, 1 + max(sentence.rfind(sign, begin, first - 1) for sign in ".;,|/"))
        kind = match.lastgroup
        verdict = None if kind == "other" else cast(Verdict, "uncertain" if kind == "ordered" else kind)
        dash = match[0][0] not in ":=?"
        asked = (match[0][0] == "?" and verdict not in ("absent", "present")) or (
            dash and kind not in ("absent", "ordered")
        )
        if not asked and match.start() - first <= _LONGEST:
            found.append(Answer(verdict, first, match.start()))
        begin = match.end()
    return found


def _marked(sentence: str, marks: list[re.Match[str]]) -> list[Answer]:
    """The status that each mark gives to the words after it if the first mark leads, otherwise before it."""
    word = _WORD.search(sentence)
    if not marks or word is None:
        return []
    # "No PNA, +effusion": a sign that is glued to a word belongs to it.
    glued = marks[0][0] == "+" and marks[0].string[marks[0].end() :][:1].isalpha()
    leading = glued or marks[0].start() <= word.start()
    found: list[Answer] = []
    begin = 0
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        verdict = cast(Verdict, mark.lastgroup)
        if leading:
            end = following.start() if following else len(sentence)
            stops = [place for sign in ".;" if (place := sentence.find(sign, mark.end(), end)) >= 0]
            found.append(Answer(verdict, mark.end(), min(stops, default=end)))
        else:
            opening = max(begin, 1 + max(sentence.rfind(sign, begin, mark.start()) for sign in ".;,"))
            found.append(Answer(verdict, opening, mark.start()))
        begin = mark.end()
    return found
