"""How often the text changed as it should, and how often it changed when it should not."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from radscribe._version import __version__
from radscribe.errors import DataError
from radscribe.evaluation.findings.assertions import FINDINGS, PRESENT, Labelled
from radscribe.evaluation.findings.reading_errors import LEFT, RIGHT, Sides, sides
from radscribe.evaluation.probes.pairs import CHANGES, DISTORTIONS, Pair
from radscribe.text.sentences import sentence_spans

Z = 1.959964  # two-sided 95%
# Words for the extent of a finding, from small to large.
_EXTENTS = (
    re.compile(r"\b(?:small|tiny|trace|mild(?:ly)?|minimal(?:ly)?|slight(?:ly)?|subtle|faint)\b", re.I),
    re.compile(r"\b(?:moderate(?:ly)?|medium)\b", re.I),
    re.compile(r"\b(?:large|marked(?:ly)?|severe(?:ly)?|gross(?:ly)?|massive|extensive|dense)\b", re.I),
)
_MILLIMETRES = re.compile(r"\b(\d+(?:\.\d+)?)\s*(mm|cm)\b", re.I)


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happened.

    Parameters
    ----------
    count, n : int
        How often it happened, of how many pairs.
    """

    count: int
    n: int

    @property
    def value(self) -> float:
        """The share, or NaN of nothing."""
        return self.count / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval (Wilson, 1927); there is one pair per patient, so the pairs are independent."""
        if not self.n:
            return (math.nan, math.nan)
        p, n = self.value, self.n
        middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        return (max(middle - half, 0.0), min(middle + half, 1.0))

    def to_dict(self) -> dict[str, Any]:
        """Return what `probe.json` holds."""
        if not self.n:
            return {"count": 0, "n": 0, "value": None, "interval": None}
        low, high = self.interval
        return {
            "count": self.count,
            "n": self.n,
            "value": round(self.value, 6),
            "interval": [round(low, 6), round(high, 6)],
        }


@dataclass(frozen=True, slots=True)
class TestScore:
    """One test on one finding.

    Parameters
    ----------
    test, finding : str
        The thing that differs, and the finding.
    right : Rate, optional
        How often the text changed as it should; None for tests where nothing should change.
    wrong : Rate
        How often a finding that did not change was asserted in one of the two captions only.
    reworded : Rate
        How often the two captions differ at all.
    """

    test: str
    finding: str
    right: Rate | None
    wrong: Rate
    reworded: Rate


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The outcome of all tests.

    Parameters
    ----------
    system : str
        The captioner.
    patients : int
        Number of drawn patients.
    tests : list of TestScore
        Per test and finding.
    totals : list of TestScore
        Per test, over all findings. Pairs of one patient are not independent, so these intervals are a little
        too narrow.
    refused : int
        Images without a caption. Pairs with such an image are left out.
    images : int
        Number of images.
    pairs : list of tuple
        Each pair with its captions, for examples.
    """

    system: str
    patients: int
    tests: list[TestScore]
    totals: list[TestScore]
    refused: int
    images: int
    pairs: list[tuple[Pair, str, str, bool]] = field(default_factory=list, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what `probe.json` holds."""
        return {
            "schema_version": 1,
            "radscribe": __version__,
            "system": self.system,
            "patients": self.patients,
            "images": self.images,
            "refused": self.refused,
            "tests": [_row(one) for one in self.tests],
            "totals": [_row(one) for one in self.totals],
        }


def _row(score: TestScore) -> dict[str, Any]:
    return {
        "test": score.test,
        "finding": score.finding,
        "changed_as_it_should": None if score.right is None else score.right.to_dict(),
        "changed_when_it_should_not": score.wrong.to_dict(),
        "reworded": score.reworded.to_dict(),
    }


@dataclass(frozen=True, slots=True)
class _Reading:
    """Content of a caption: asserted findings, their sides and their stated sizes."""

    text: str
    asserted: frozenset[str]
    sides: Sides
    extents: Mapping[str, float]


def score_pairs(made: Sequence[Pair], captions: Mapping[str, str | None], system: str) -> ProbeResult:
    """Score the captions of pairs.

    Parameters
    ----------
    made : sequence of Pair
        The pairs.
    captions : mapping
        Name of an image to its caption; None or empty if the captioner refused the image.
    system : str
        Name of the captioner.

    Raises
    ------
    DataError
        An image has no entry, or all were refused.
    """
    names = {image.name for pair in made for image in (pair.before, pair.after)}
    if missing := sorted(name for name in names if name not in captions):
        raise DataError(
            f"{len(missing)} of {len(names)} images have no caption, {missing[0]} among them",
            subject=system,
            remedy="caption every image of list.csv",
        )
    labelled = Labelled()
    readings = {
        name: _read(text, labelled) for name in names if (text := captions[name]) is not None and text.strip()
    }
    if not readings:
        raise DataError("has no caption of any image", subject=system, remedy="caption the images first")
    judged: dict[tuple[str, str], list[tuple[bool | None, bool, bool]]] = {}
    shown: list[tuple[Pair, str, str, bool]] = []
    for pair in made:
        if pair.before.name not in readings or pair.after.name not in readings:
            continue
        before, after = readings[pair.before.name], readings[pair.after.name]
        right, wrong = _judge(pair, before, after)
        judged.setdefault((pair.test, pair.finding), []).append((right, wrong, before.text != after.text))
        shown.append((pair, before.text, after.text, not wrong if right is None else right))
    tests = [_score(test, finding, rows) for (test, finding), rows in judged.items()]
    order = (*CHANGES, *DISTORTIONS)
    tests.sort(key=lambda one: order.index(one.test))
    totals = [
        _score(test, "all", [row for (name, _), rows in judged.items() if name == test for row in rows])
        for test in order
        if any(name == test for name, _ in judged)
    ]
    seeds = {pair.before.seed for pair in made}
    return ProbeResult(system, len(seeds), tests, totals, len(names) - len(readings), len(names), shown)


def _score(test: str, finding: str, rows: Sequence[tuple[bool | None, bool, bool]]) -> TestScore:
    n = len(rows)
    known = [right for right, _, _ in rows if right is not None]
    return TestScore(
        test,
        finding,
        Rate(sum(known), len(known)) if known else None,
        Rate(sum(wrong for _, wrong, _ in rows), n),
        Rate(sum(reworded for _, _, reworded in rows), n),
    )


def _read(text: str, labelled: Labelled) -> _Reading:
    mentions = labelled.mentions(text)
    codes = labelled.codes([text])[0]
    asserted = frozenset(name for place, name in enumerate(FINDINGS) if codes[place] == PRESENT)
    extents: dict[str, float] = {}
    spans = sentence_spans(text)
    for mention in mentions:
        if mention.status == "present":
            start, end = next(
                ((s, e) for s, e in spans if s <= mention.start < e), (mention.start, mention.end)
            )
            extents[mention.finding] = max(extents.get(mention.finding, 0.0), _extent(text[start:end]))
    return _Reading(text, asserted, sides(mentions), extents)


def _extent(sentence: str) -> float:
    """How large a sentence calls its finding: millimetres, or 1 to 3 for words; 0 if it does not say."""
    sizes = [
        float(number) * (10 if unit.lower() == "cm" else 1) for number, unit in _MILLIMETRES.findall(sentence)
    ]
    if sizes:
        return max(sizes)
    return max((level for level, words in enumerate(_EXTENTS, 1) if words.search(sentence)), default=0)


def _judge(pair: Pair, before: _Reading, after: _Reading) -> tuple[bool | None, bool]:
    """Whether the text changed as it should, and whether anything else changed."""
    name = pair.finding
    if pair.test in DISTORTIONS:
        moved = bool(np.any(before.sides != after.sides))
        return None, before.asserted != after.asserted or moved
    wrong = before.asserted - {name} != after.asserted - {name}
    was, is_ = name in before.asserted, name in after.asserted
    if pair.test == "inserted":
        return is_ and not was, wrong
    if pair.test == "removed":
        return was and not is_, wrong
    if pair.test == "enlarged":
        grown = after.extents.get(name, 0) > before.extents.get(name, 0)
        return is_ and (not was or grown), wrong
    place = FINDINGS.index(name)
    new, old = (LEFT, RIGHT) if pair.side == "left" else (RIGHT, LEFT)
    return bool(before.sides[place] == old and after.sides[place] == new), wrong
