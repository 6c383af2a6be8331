"""Weak pairs: images that have labels but no report, with texts that say only those labels.

A pair starts from the real report whose findings are nearest to the image's labels. Sentences that contradict
the labels (they name another finding, or deny a labelled one) are left out, and sentences of other reports
are added for labelled findings that the report does not mention. Sentences are used whole, with one change:
labels have no side, so a sentence that names a finding loses its side.
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

# Findings that may be called an "opacity".
OPAQUE = frozenset(
    {"Atelectasis", "Infiltration", "Mass", "Nodule", "Pneumonia", "Consolidation", "Edema", "Fibrosis"}
)
NEAREST = 40  # reports to start from
HELD_OUT = 0.1  # share of the reports that the validation part is paired with


def reports_to_pair(annotation: Path) -> dict[Split, list[str]]:
    """Read the training reports of an R2Gen `annotation.json`.

    Returns
    -------
    dict
        Reports for training images and for validation images: a tenth of them, by a hash of the id. Other
        parts of the file are not read.

    Raises
    ------
    DataError
        The file is missing or has another layout.
    """
    parts: dict[Split, list[str]] = {"train": [], "val": []}
    for row in r2gen.read(annotation).get("train", ()):
        parts["val" if unit_hash(str(row.id)) < HELD_OUT else "train"].append(row.report)
    return parts


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a report and what it says.

    Parameters
    ----------
    text : str
        The sentence.
    asserted, raised, absent : frozenset of str
        Findings that it asserts, that it asserts or doubts, and that it denies.
    is_normal : bool
        Whether it calls something normal.
    """

    text: str
    asserted: frozenset[str]
    raised: frozenset[str]
    absent: frozenset[str]
    is_normal: bool


def parse(text: str) -> Sentence:
    """Read a sentence."""
    found = label(text)
    return Sentence(
        text,
        frozenset(f for f, status in found.items() if status == "present" and f != "Normal"),
        frozenset(f for f, status in found.items() if status != "absent" and f != "Normal"),
        frozenset(f for f, status in found.items() if status == "absent"),
        "Normal" in found,
    )


def parse_without_side(text: str) -> Sentence | None:
    """Read a sentence without its side; None if it says something else then."""
    sentence = parse(text)
    if not (sentence.raised and names_side(text)):
        return sentence
    bare = parse(without_side(text))
    same = (bare.asserted, bare.raised, bare.absent) == (sentence.asserted, sentence.raised, sentence.absent)
    return bare if same and not names_side(bare.text) else None


class WeakPairs:
    """Reports that can be paired with labels.

    Parameters
    ----------
    reports : iterable of str
        Findings sections as written, of the training part only.
    findings : sequence of str
        The findings that labels may name.

    Raises
    ------
    DataError
        No report has two sentences that a caption may learn.
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
        """Return a text for an image with these findings, a different one each time."""
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
        """The reports whose findings have the highest Jaccard index with the wanted ones."""
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
