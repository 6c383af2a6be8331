"""The labeller against the expert MeSH tags of the Indiana University reports.

    python -m benchmarks.labeller.mesh ../shared/data/iu/NLMCXR_reports.tgz --half unseen

The labeller reads findings and impression of each study. A hash of the id halves the studies, and the phrases
were written with `build` only. The first columns count a doubted finding as absent, because on that half the
coders tagged few of them ("may", "could", "possible", "concerning for": 6 of 115; but "versus": 46 of 56).
The last column counts it as present.
"""

from __future__ import annotations

import argparse
import tarfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from radscribe.data.sources.iu_labels import HEADINGS, NOT_READ, tagged
from radscribe.data.splits import unit_hash
from radscribe.text.findings import Status, label

SEED = 14  # of the halves
ENOUGH = 20  # tagged studies from which on a finding has a row
Half = Literal["build", "unseen", "all"]


@dataclass(frozen=True, slots=True)
class TaggedReport:
    """A study's text and the findings that the coders tagged."""

    id: str
    text: str
    headings: tuple[str, ...]


@dataclass(slots=True)
class Counts:
    """Hits and misses of one finding."""

    both: int = 0
    tag_only: int = 0
    label_only: int = 0

    @property
    def precision(self) -> float:
        return self.both / max(self.both + self.label_only, 1)

    @property
    def recall(self) -> float:
        return self.both / max(self.both + self.tag_only, 1)

    @property
    def f1(self) -> float:
        return 2 * self.both / max(2 * self.both + self.tag_only + self.label_only, 1)


def read(path: Path, half: Half) -> Iterator[TaggedReport]:
    """The studies of a half that have a text and were tagged."""
    with tarfile.open(path) as archive:
        for member in archive:
            if not member.name.endswith(".xml") or (file := archive.extractfile(member)) is None:
                continue
            root = ET.parse(file).getroot()
            name = root.find("uId")
            assert name is not None
            study = name.attrib["id"]
            if half != "all" and (unit_hash(study, SEED) < 0.5) != (half == "build"):
                continue
            parts = {part.attrib["Label"]: part.text or "" for part in root.iter("AbstractText")}
            text = "\n\n".join(filter(None, (parts.get("FINDINGS"), parts.get("IMPRESSION"))))
            headings = tuple(str(heading.text).strip() for heading in root.iter("major"))
            if text and headings and NOT_READ not in headings:
                yield TaggedReport(study, text, headings)


def compare(reports: list[TaggedReport], counted: frozenset[Status]) -> dict[str, Counts]:
    """Counts by finding, where the statuses in `counted` are taken as present."""
    counts = {finding: Counts() for finding in HEADINGS}
    for report in reports:
        tags = tagged(report.headings)
        said = {finding for finding, status in label(report.text).items() if status in counted}
        for finding, count in counts.items():
            count.both += finding in tags and finding in said
            count.tag_only += finding in tags and finding not in said
            count.label_only += finding not in tags and finding in said
    return counts


def table(strict: dict[str, Counts], lenient: dict[str, Counts]) -> str:
    """The table in markdown, and macro-F1 over its rows."""
    rows = [
        "| finding | tagged | precision | recall | F1 | F1, doubt as present |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    shown = [finding for finding, count in strict.items() if count.both + count.tag_only >= ENOUGH]
    for finding in shown:
        count = strict[finding]
        rows.append(
            f"| {finding} | {count.both + count.tag_only} | {count.precision:.3f} | {count.recall:.3f}"
            f" | {count.f1:.3f} | {lenient[finding].f1:.3f} |"
        )
    means = [sum(counts[f].f1 for f in shown) / len(shown) for counts in (strict, lenient)]
    macro = f"macro-F1 over {len(shown)} findings: {means[0]:.3f}; with doubt as present: {means[1]:.3f}"
    return "\n".join([*rows, "", macro])


def speed(reports: list[TaggedReport]) -> float:
    """Reports per second in this process, best of three passes over distinct texts, without a cache."""
    texts = {report.text for report in reports}
    seconds = []
    for _ in range(3):
        began = time.process_time()
        for text in texts:
            label(text)
        seconds.append(time.process_time() - began)
    return len(texts) / min(seconds)


def disagreements(reports: list[TaggedReport], finding: str | None, limit: int) -> Iterator[str]:
    """Reports where tag and label differ; those with the smallest hash first."""
    for report in sorted(reports, key=lambda r: unit_hash(r.id, SEED + 1)):
        tags = tagged(report.headings)
        said = {name for name, status in label(report.text).items() if status == "present"}
        for name in sorted(tags ^ said):
            if finding in (None, name) and limit > 0:
                limit -= 1
                side = "tag only" if name in tags else "label only"
                text = " ".join(report.text.split())
                yield f"{report.id} {name}: {side}\n  {list(report.headings)}\n  {text}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("reports", type=Path, help="NLMCXR_reports.tgz")
    parser.add_argument("--half", choices=("build", "unseen", "all"), default="unseen")
    parser.add_argument("--disagreements", type=int, metavar="N", help="print N of them instead of the table")
    parser.add_argument("--finding", help="disagreements on only this finding")
    arguments = parser.parse_args()
    reports = list(read(arguments.reports, arguments.half))
    if arguments.disagreements:
        print("\n".join(disagreements(reports, arguments.finding, arguments.disagreements)))
        return
    print(f"{len(reports)} reports of the {arguments.half} half\n")
    strict = compare(reports, frozenset({"present"}))
    print(table(strict, compare(reports, frozenset({"present", "uncertain"}))))
    print(f"{speed(reports):.0f} reports per second on one core")


if __name__ == "__main__":
    main()
