"""Counts of what a manifest holds: the table at the end of `radscribe prepare`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from radscribe.data.study import Study

PARTS = ("train", "val", "test", "none")


@dataclass(slots=True)
class Summary:
    """Counts by part; `none` is for studies in no part.

    Parameters
    ----------
    studies, images, missing, reports : Counter
        Numbers of studies, images, missing images and reports with findings or impression.
    patients : dict
        Hashes of the patients of each part.
    empty : int
        Number of reports that have neither findings nor impression.
    labels : dict
        For each finding, the number of studies in which it is present.
    """

    studies: Counter[str] = field(default_factory=Counter)
    patients: dict[str, set[int]] = field(default_factory=dict)
    images: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    reports: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    labels: dict[str, Counter[str]] = field(default_factory=dict)  # finding -> how often it is present

    @classmethod
    def of(cls, studies: Iterable[Study]) -> Summary:
        """The counts of studies."""
        summary = cls()
        for study in studies:
            summary.add(study)
        return summary

    def add(self, study: Study) -> None:
        """Count a study."""
        part = study.split or "none"
        self.studies[part] += 1
        if study.patient_id is not None:
            self.patients.setdefault(part, set()).add(hash(study.patient_id))
        self.images[part] += len(study.images)
        self.missing[part] += sum(image.missing for image in study.images)
        report = study.report
        has_text = report is not None and bool(report.findings or report.impression)
        self.reports[part] += has_text
        self.empty += report is not None and not has_text
        for finding, value in study.labels.items():
            count = self.labels.setdefault(finding, Counter())
            if value == 1.0:
                count[part] += 1

    def rows(self) -> list[tuple[str, ...]]:
        """A header row, then one row for studies, patients, images, reports and each finding."""
        parts = [part for part in PARTS if self.studies[part]]
        patients = Counter({part: len(members) for part, members in self.patients.items()})
        counts = [("studies", self.studies), ("images", self.images), ("reports", self.reports)]
        if self.missing.total():
            counts.insert(2, ("  of them missing", self.missing))
        if patients:
            counts.insert(1, ("patients", patients))
        present = sorted(self.labels.items(), key=lambda item: (-item[1].total(), item[0]))
        counts += [(finding.replace("_", " "), count) for finding, count in present if count]
        table: list[tuple[str, ...]] = [
            ("", *("no part" if part == "none" else part for part in parts), "all")
        ]
        for name, count in counts:
            # A patient may be in two parts, so the sum of the parts may be too large.
            total = len(set().union(*self.patients.values())) if name == "patients" else count.total()
            table.append((name, *(f"{count[part]:,}" for part in parts), f"{total:,}"))
        return table

    def text(self) -> str:
        """The table with aligned columns."""
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            )
            for row in rows
        )
