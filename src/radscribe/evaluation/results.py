"""The results of an evaluation, and the files that hold them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from radscribe.evaluation import scores_file
from radscribe.evaluation.findings import label_scores
from radscribe.evaluation.page.document import page
from radscribe.evaluation.records import Evaluation, LabelScores
from radscribe.files import staged_folder, write_text

SCORES, PAGE, TABLE = "scores.json", "report.html", "findings.csv"


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Results of `radscribe.evaluate`.

    Parameters
    ----------
    captions : Evaluation, optional
        Captions beside reference reports; None if there are no captions or no reports.
    labels : LabelScores, optional
        Probabilities and captions beside labels; None if the dataset has no labels.
    root : Path
        The folder from which the page takes the images.
    """

    captions: Evaluation | None
    labels: LabelScores | None
    root: Path = field(default_factory=Path)

    def to_dict(self) -> dict[str, Any]:
        """Return what `scores.json` holds."""
        return scores_file.results_as_json(self.captions, self.labels)

    def save(
        self, out: str | Path, *, overwrite: bool = False, evidence: str | Path | None = None
    ) -> tuple[Path, ...]:
        """Write `scores.json`, `report.html` and, for labels, `findings.csv` into a folder.

        Parameters
        ----------
        out : str or Path
            The folder.
        overwrite : bool
            Whether to replace earlier results.
        evidence : str or Path, optional
            Folder of overlays to show, one picture per study, named by its id.

        Returns
        -------
        tuple of Path
            The files.

        Raises
        ------
        UsageError
            The folder has files in it, and `overwrite` is false.
        OutputError
            The folder cannot be written.
        """
        out = Path(out)
        overlays = None if evidence is None else Path(evidence)
        made = {
            SCORES: json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
            PAGE: page(self.captions, self.labels, self.root, overlays),
        }
        if self.labels is not None:
            made[TABLE] = findings_csv(self.labels)
        with staged_folder(out, overwrite, stale=(TABLE,)) as stage:
            for name, text in made.items():
                write_text(stage / name, text)
        return tuple(out / name for name in made)

    def __str__(self) -> str:
        from rich.console import Console

        from radscribe.evaluation import terminal

        console = Console(file=io.StringIO(), width=110, record=True)
        terminal.show(self.captions, self.labels, console)
        return console.export_text()


def findings_csv(labels: LabelScores) -> str:
    """Return the scores on labels as CSV: a row per finding, scores and the ends of their intervals."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [*label_scores.PROBABILITY_SCORES]
    said = [f"caption_{name}" for name in label_scores.ASSERTION_SCORES]
    head = ["finding", "n", "positives"]
    for name in (*names, *said):
        head += [name, f"{name}_low", f"{name}_high"]
    writer.writerow([*head, "threshold", "in_captions"])
    ranked, claimed = labels.probabilities, labels.captions
    by_probability = {row.finding: row for row in ranked.findings} if ranked else {}
    by_caption = {row.finding: row for row in claimed.findings} if claimed else {}
    for finding in dict.fromkeys((*by_probability, *by_caption)):
        one, other = by_probability.get(finding), by_caption.get(finding)
        first = one or other
        assert first is not None
        cells: list[object] = [finding, first.n, first.positives]
        for row, scores in ((one, names), (other, label_scores.ASSERTION_SCORES)):
            for name in scores:
                value = row.values.get(name) if row else None
                low, high = row.intervals.get(name, (None, None)) if row else (None, None)
                cells += [_digits(value), _digits(low), _digits(high)]
        threshold = one.threshold if one else None
        writer.writerow([*cells, _digits(threshold), "" if other is None else other.asserted])
    return out.getvalue()


def _digits(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.6g}"
