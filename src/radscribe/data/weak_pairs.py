"""Weak pairs: images that have labels but no report, with reports that say just those labels.

A pair starts from a real report whose findings are nearest to the image's labels. Whole sentences are left
out where they say what the labels do not (another finding, or that a labelled one is absent), and whole
sentences of other reports are put in where a labelled finding is not spoken of. The one change to a sentence:
labels know no side, so a sentence that raises a finding loses the side that it names.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from radscribe.data import r2gen
from radscribe.data.splits import unit_hash
from radscribe.data.study import Split
from radscribe.errors import DataError
from radscribe.labels import CHESTXRAY14
from radscribe.text.findings import label
from radscribe.text.laterality import names_side, without_side
from radscribe.text.rules import collapse_spaces
from radscribe.text.sentences import sayable

# Findings that an "opacity" may be a word for.
OPAQUE = frozenset(
    {"Atelectasis", "Infiltration", "Mass", "Nodule", "Pneumonia", "Consolidation", "Edema", "Fibrosis"}
)
NEAREST = 40  # reports that are near enough to start from
HELD_OUT = 0.1  # share of the reports that the validation part is paired with


def reports_to_pair(annotation: Path) -> dict[Split, list[str]]:
    """The training reports of an R2Gen `annotation.json`, for the training and the validation images.

    A tenth of them, by a hash of the id, serves validation images alone; no other part is looked at.

    Raises
    ------
    DataError : the file is missing or of another layout.
    """
    parts: dict[Split, list[str]] = {"train": [], "val": []}
    for row in r2gen.read(annotation).get("train", ()):
        parts["val" if unit_hash(str(row.id)) < HELD_OUT else "train"].append(row.report)
    return parts


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a report, and what it says; `raised` is what it asserts or doubts."""

    text: str
    asserted: frozenset[str]
    raised: frozenset[str]
    absent: frozenset[str]
    is_normal: bool


def parse(text: str) -> Sentence:
    """What a sentence says."""
    found = label(text)
    return Sentence(
        text,
        frozenset(f for f, status in found.items() if status == "present" and f != "Normal"),
        frozenset(f for f, status in found.items() if status != "absent" and f != "Normal"),
        frozenset(f for f, status in found.items() if status == "absent"),
        "Normal" in found,
    )


def parse_without_side(text: str) -> Sentence | None:
    """What a sentence says without its side; None where it says something else then."""
    sentence = parse(text)
    if not (sentence.raised and names_side(text)):
        return sentence
    bare = parse(without_side(text))
    same = (bare.asserted, bare.raised, bare.absent) == (sentence.asserted, sentence.raised, sentence.absent)
    return bare if same and not names_side(bare.text) else None


class WeakPairs:
    """Reports, ready to be paired.

    Parameters
    ----------
    reports : findings sections as written, of the training part alone.

    Raises
    ------
    DataError : no report has a sentence that may be learned.
    """

    def __init__(self, reports: Iterable[str], findings: Sequence[str] = CHESTXRAY14) -> None:
        self._findings = frozenset(findings)
        parsed = (
            [
                sentence
                for spoken in sayable(collapse_spaces(text))
                if (sentence := parse_without_side(spoken))
            ]
            for text in reports
        )
        self._reports = [sentences for sentences in parsed if len(sentences) >= 2]
        if not self._reports:
            raise DataError(
                "no report has two sentences that a caption may learn", remedy="give other reports"
            )
        self._asserting: dict[str, list[Sentence]] = {finding: [] for finding in findings}
        for sentence in (s for report in self._reports for s in report):
            for finding in sentence.asserted & self._findings:
                self._asserting[finding].append(sentence)
        self._nearest: dict[frozenset[str], list[int]] = {}

    def sample(self, labels: Iterable[str], generator: random.Random) -> str:
        """A report for an image with these findings; another one each time."""
        wanted = frozenset(labels) & self._findings
        base = self._reports[generator.choice(self._near(wanted))]
        kept = [sentence for sentence in base if self._fits(sentence, wanted)]
        spoken = frozenset().union(*(sentence.asserted for sentence in kept))
        added: list[Sentence] = []
        for finding in sorted(wanted - spoken, key=lambda _: generator.random()):
            if finding in spoken:
                continue
            if sentence := self._assertion(finding, wanted, generator):
                added.append(sentence)
                spoken |= sentence.asserted
        return " ".join(sentence.text for sentence in (*added, *kept))

    def _fits(self, sentence: Sentence, wanted: frozenset[str]) -> bool:
        allowed = wanted | ({"Opacity"} if wanted & OPAQUE else frozenset())
        speaks = sentence.raised or sentence.absent or sentence.is_normal
        return bool(speaks) and sentence.raised <= allowed and not (sentence.absent & allowed)

    def _assertion(self, finding: str, wanted: frozenset[str], generator: random.Random) -> Sentence | None:
        fitting = [s for s in self._asserting[finding] if self._fits(s, wanted)]
        return generator.choice(fitting) if fitting else None

    def _near(self, wanted: frozenset[str]) -> list[int]:
        """Reports by falling Jaccard index of their findings and the wanted ones."""
        if wanted not in self._nearest:
            distances: list[tuple[float, int]] = []
            for index, report in enumerate(self._reports):
                said = frozenset().union(*(s.asserted for s in report)) & self._findings
                union = said | wanted
                distances.append((-len(said & wanted) / len(union) if union else -1.0, index))
            distances.sort()
            edge = distances[min(NEAREST, len(distances)) - 1][0]
            self._nearest[wanted] = [index for distance, index in distances if distance <= edge]
        return self._nearest[wanted]
