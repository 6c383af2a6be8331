"""Measure the labeller on sentences from outside Indiana University.

    python -m benchmarks.labeller.beyond_iu ../shared/data --half test

`sentences.tsv` holds the labels of 626 sentences, given by hand before the labeller's answer was seen:
sentences written for this purpose by kind (denial and doubt before and behind the finding, modifiers, scope,
templates, lists, short forms), published examples of NegBio and CheXpert, clinical notes of
covid-chestxray-dataset, and the readings of the Shenzhen set. The texts of the last two are not copied: the
file holds the first twelve hex digits of the SHA-256 of the text, with white space collapsed. The texts are
read from the data folder.

A sentence is scored on the 14 labels of ChestX-ray14, `Opacity` and `Fracture`. A finding without a label is
not mentioned by the sentence. A hash of the text halves the set. Rules were developed on the development
half; only the counts of the test half were read.

With `--negex FILE`, the mentions of these findings in the NegEx test kit (`Annotations-1-120.txt`, Chapman et
al., github.com/chapmanbe/negex, Apache 2.0) are scored as well. The kit has the labels Affirmed and Negated,
and doubt counts as affirmed.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from radscribe.data.splits import unit_hash
from radscribe.labels import CHESTXRAY14
from radscribe.text.findings import Status, find, label

SENTENCES = Path(__file__).with_name("sentences.tsv")
FINDINGS = (*CHESTXRAY14, "Opacity", "Fracture")
SEED = 16  # of the halves
Half = Literal["dev", "test", "all"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A sentence and its labels by hand."""

    source: str
    text: str
    findings: dict[str, str]


def key(text: str) -> str:
    """The name of a text that is not copied into the repository."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:12]


def texts(data: Path) -> dict[str, str]:
    """Key to text of the COVID notes' sentences and the Shenzhen readings."""
    found: dict[str, str] = {}
    with (data / "covid/metadata.csv").open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            for sentence in re.split(r"(?<=[.!?])\s+|\n", row["clinical_notes"] or ""):
                found[key(sentence)] = sentence
    with (data / "shenzhen/shenzhen_metadata.csv").open(
        encoding="utf-8", errors="replace", newline=""
    ) as file:
        for row in csv.DictReader(file):
            found[key(row["findings"] or "")] = row["findings"] or ""
    return found


def _column(path: Path, name: str) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            yield row[name] or ""


def read(half: Half, data: Path | None) -> Iterator[Labelled]:
    """The labelled sentences of a half; without the data folder, those whose text is in the repository."""
    outside = {} if data is None else texts(data)
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            text = row["text"].replace("\\n", "\n")
            if half != "all" and (unit_hash(row["text"], SEED) < 0.5) != (half == "dev"):
                continue
            if row["source"] in ("covid", "shenzhen"):
                if text not in outside:
                    continue
                text = outside[text]
            findings = dict(pair.split("=") for pair in row["findings"].split())
            yield Labelled(row["source"], text, findings)


def count(sentences: Iterable[Labelled]) -> Counter[tuple[str | None, str | None]]:
    """Count pairs of status by hand and by the labeller. None: not mentioned."""
    met: Counter[tuple[str | None, str | None]] = Counter()
    for sentence in sentences:
        said = label(sentence.text)
        met.update((sentence.findings.get(finding), said.get(finding)) for finding in FINDINGS)
    return met


def table(met: Counter[tuple[str | None, str | None]]) -> str:
    """Precision, recall and F1 of each status, in markdown."""
    rows = ["| status | by hand | precision | recall | F1 |", "|---|---:|---:|---:|---:|"]
    for status in get_args(Status):
        written = sum(n for (hand, _), n in met.items() if hand == status)
        said = sum(n for (_, machine), n in met.items() if machine == status)
        both = met[status, status]
        precision, recall = both / max(said, 1), both / max(written, 1)
        f1 = 2 * both / max(said + written, 1)
        rows.append(f"| {status} | {written} | {precision:.3f} | {recall:.3f} | {f1:.3f} |")
    return "\n".join(rows)


def negex(path: Path) -> Iterator[tuple[str, bool, bool]]:
    """Sentence, whether the kit negates the finding, whether the labeller does."""
    for line in path.read_text(encoding="latin-1").splitlines()[1:]:
        _, concept, sentence, verdict = (field.strip(' "') for field in line.split("\t"))
        named = label(concept).keys() & set(FINDINGS)
        place = sentence.find(concept.upper())
        if not named or place < 0:
            continue
        inside = [
            mention.status
            for mention in find(sentence)
            if mention.finding in named and place <= mention.start < place + len(concept)
        ]
        if inside:
            yield sentence, verdict == "Negated", all(status == "absent" for status in inside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="folder with covid/ and shenzhen/")
    parser.add_argument("--half", choices=get_args(Half), default="test")
    parser.add_argument("--negex", type=Path, metavar="FILE", help="NegEx test kit, Annotations-1-120.txt")
    parser.add_argument("--errors", action="store_true", help="print the sentences of the development half")
    arguments = parser.parse_args()
    sentences = list(read("dev" if arguments.errors else arguments.half, arguments.data))
    if arguments.errors:
        for sentence in sentences:
            said = {
                finding: status for finding, status in label(sentence.text).items() if finding in FINDINGS
            }
            if said != sentence.findings:
                print(f"{sentence.source}: {sentence.text!r}\n  hand {sentence.findings}\n  here {said}")
        return
    sources = Counter(sentence.source for sentence in sentences)
    print(f"{len(sentences)} sentences ({', '.join(f'{n} {name}' for name, n in sources.items())})\n")
    print(table(count(sentences)))
    if arguments.negex:
        pairs = [(kit, here) for _, kit, here in negex(arguments.negex)]
        agreed = sum(kit == here for kit, here in pairs)
        negated = sum(kit for kit, _ in pairs)
        print(f"\nNegEx test kit: {agreed} of {len(pairs)} mentions agree ({negated} of them negated)")


if __name__ == "__main__":
    main()
