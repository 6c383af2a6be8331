"""Where in the chest a sentence places something: the side, and the zone of the lung."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, NamedTuple

Side = Literal["left", "right", "bilateral"]
Zone = Literal["upper", "mid", "lower"]

_SIDES: dict[str, Side] = {
    **dict.fromkeys(("left", "lt"), "left"),
    **dict.fromkeys(("right", "rt"), "right"),
    **dict.fromkeys(("bilateral", "bilaterally", "both"), "bilateral"),
}
_ZONES: dict[str, Zone] = {
    **dict.fromkeys(("upper", "apex", "apices", "apicies", "apical", "suprahilar"), "upper"),
    **dict.fromkeys(("middle", "mid", "midlung", "midlungs", "midzone", "perihilar"), "mid"),
    **dict.fromkeys(
        ("lower", "base", "bases", "basal", "basilar", "infrahilar", "retrocardiac", "costophrenic"), "lower"
    ),
}
_PLACES: dict[str, tuple[Side | None, Zone | None]] = {
    **{word: (side, None) for word, side in _SIDES.items()},
    **{word: (None, zone) for word, zone in _ZONES.items()},
    **{f"bi{word}": ("bilateral", _ZONES[word]) for word in ("basilar", "basal", "apical")},
    "bihilar": ("bilateral", "mid"),
    "lingula": ("left", "mid"),
    "lingular": ("left", "mid"),
    "rul": ("right", "upper"),
    "rml": ("right", "mid"),
    "rll": ("right", "lower"),
    "lul": ("left", "upper"),
    "lll": ("left", "lower"),
}
# "Left ventricle", "upper limits", "lower cervical" and the like are not places in the lung.
_ELSEWHERE = (
    r"(?![\s-]{1,9}(?:sided\s{1,40})?(?:ventric|atri|heart|limits?\b|normal|abdom|quadrant|thoracic|lumbar|cervical"
    r"|svc|line\b|cardiac))"
)
_SPELLED = (
    re.sub(r"^(bi|peri|supra|infra|retro|costo|mid)(?=\w)", r"\1-?", word)
    for word in sorted(_PLACES, key=len, reverse=True)
)
_PLACE = re.compile(rf"\b(?:{'|'.join(_SPELLED)})\b{_ELSEWHERE}", re.I)
# Between two words for one place: "right upper and middle lobes".
_JOINED = re.compile(
    r"[\s/,&-]*(?:\b(?:and|the|sided|side|lungs?|lobes?|zones?|fields?|hemithorax|chest"
    r"|greater|more|larger|worse|than)\b[\s/,&-]*){0,5}",
    re.I,
)
_LEFT_OR_RIGHT = re.compile(r"\b(?:left|right)(?=\b|sided)", re.I)
_ONE_SIDE_ONLY = re.compile(r"\bmid(?:dle)? lobes?\b|\blingul", re.I)
_CLAUSE = re.compile(r"[,;:]|\b(?:but|while|with)\b", re.I)
_LISTED = re.compile(r"[,;:]|\b(?:and|or|but|with)\b", re.I)


_WIDEST = 400  # characters of a clause on either side of a finding
_AROUND = 6  # places on either side of a finding


class Location(NamedTuple):
    """A place that a sentence names, at `sentence[start:end]`."""

    start: int
    end: int
    side: Side | None
    zones: tuple[Zone, ...]


def locations(sentence: str) -> list[Location]:
    """Return the places that a sentence names, in order. Words for one place are joined.

    Examples
    --------
    >>> locations("Opacities in the right upper and left lower lobes.")
    [Location(start=17, end=43, side='bilateral', zones=('upper', 'lower'))]
    """
    places: list[Location] = []
    for match in _PLACE.finditer(sentence):
        side, zone = _PLACES[match[0].lower().replace("-", "")]
        zones: tuple[Zone, ...] = () if zone is None else (zone,)
        if places and _JOINED.fullmatch(sentence, places[-1].end, match.start()):
            last = places.pop()
            zones = (*last.zones, *(zone for zone in zones if zone not in last.zones))
            places.append(Location(last.start, match.end(), _both(last.side, side), zones))
        else:
            places.append(Location(match.start(), match.end(), side, zones))
    return places


def exchange_sides(sentence: str) -> str:
    """Exchange left and right where a sentence places a finding.

    The heart's chambers keep their sides, and so do the middle lobe and the lingula.

    Examples
    --------
    >>> exchange_sides("Small right effusion, pacemaker lead in the right ventricle.")
    'Small left effusion, pacemaker lead in the right ventricle.'
    """
    for place in reversed(locations(sentence)):
        words = sentence[place.start : place.end]
        if not _ONE_SIDE_ONLY.search(sentence, place.start, place.end + len(" lobe")):
            words = _LEFT_OR_RIGHT.sub(_other_side, words)
        sentence = sentence[: place.start] + words + sentence[place.end :]
    return sentence


def _other_side(match: re.Match[str]) -> str:
    other = "right" if match[0].lower() == "left" else "left"
    return other.capitalize() if match[0][0].isupper() else other


def nearest(
    sentence: str,
    places: Sequence[Location],
    start: int,
    end: int,
    denied: bool,
) -> Location | None:
    """Return the place that goes with the words at `sentence[start:end]`.

    That is the nearest one in their clause, or one that opens the sentence ("At the left base, ..."). A
    denial takes a place only if no list stands between: "no pneumothorax or left effusion" denies
    pneumothorax on both sides.
    """
    first, last = _clause(sentence, start, end)
    opening = places[0] if len(places) == 1 else None
    middle = bisect_left(places, (start,))
    places = places[max(0, middle - _AROUND) : middle + _AROUND]
    near = [
        (max(place.start - end, start - place.end, 0), place)
        for place in places
        if ((first <= place.start and place.end <= last) or 0 <= place.start - end <= 2)
        and not (denied and _listed(sentence, place, start, end))
    ]
    if near:
        return min(near)[1]
    if opening is None or denied or opening.start > 12 or opening.end > first:
        return None
    return opening if sentence[opening.end : first].count(",") <= 1 else None


def _listed(sentence: str, place: Location, start: int, end: int) -> bool:
    between = (place.end, start) if place.end <= start else (end, place.start)
    return _LISTED.search(sentence, *between) is not None


def _clause(sentence: str, start: int, end: int) -> tuple[int, int]:
    first = max(0, start - _WIDEST)
    for match in _CLAUSE.finditer(sentence, first, start):
        first = match.end()
    following = _CLAUSE.search(sentence, end, end + _WIDEST)
    return first, following.start() if following else min(len(sentence), end + _WIDEST)


def _both(first: Side | None, second: Side | None) -> Side | None:
    if first is None or second is None or first == second:
        return first or second
    return "bilateral"
