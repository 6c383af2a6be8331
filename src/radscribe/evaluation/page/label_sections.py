"""The page's sections on a dataset's labels."""

from __future__ import annotations

from radscribe.evaluation.findings.label_scores import (
    ASSERTION_SCORES,
    PROBABILITY_SCORES,
    AssertionScores,
    FindingScores,
    ProbabilityScores,
)
from radscribe.evaluation.page.markup import Markup, join, table, tag
from radscribe.evaluation.page.plots import figure, square
from radscribe.evaluation.records import LabelScores


def sections(labels: LabelScores, alone: bool) -> list[Markup]:
    """Return the sections.

    Parameters
    ----------
    labels : LabelScores
        The scores.
    alone : bool
        Whether the page holds nothing else.
    """
    of = f" of {labels.source}" if labels.source else ""
    unit = "patients" if labels.resampled == "patient" else "studies"
    made = [tag("p", f"{labels.n} {labels.part} studies{of} with labels.")]
    if not alone:
        made.insert(0, tag("h2", "On labels"))
    if labels.warnings:
        items = [tag("li", text) for text in labels.warnings]
        made.append(tag("section", tag("h2", "Read this first"), tag("ul", *items), class_="card warnings"))
    if labels.settings.rounds:
        made.append(
            tag(
                "p",
                f"Small figures are {labels.settings.confidence:.0%} intervals from {labels.settings.rounds} "
                f"bootstrap resamples of whole {unit}.",
                class_="note",
            )
        )
    if labels.probabilities is not None:
        made += _probabilities(labels.probabilities)
    if labels.captions is not None:
        made += _assertions(labels.captions)
    return made


def _probabilities(found: ProbabilityScores) -> list[Markup]:
    heads = [
        "finding",
        "positives",
        "AUROC",
        "average precision",
        f"sensitivity at {found.specificity:.0%} specificity",
        "calibration error",
        "threshold",
    ]
    rows = [
        [*_cells(row, PROBABILITY_SCORES), "–" if row.threshold is None else f"{row.threshold:.3f}"]
        for row in found.findings
    ]
    rows.append([found.mean.finding, "", *_cells(found.mean, PROBABILITY_SCORES)[2:], ""])
    curves = [
        figure(
            square(curve.false_rate, curve.true_rate, f"ROC of {curve.finding}"),
            tag("b", curve.finding.replace("_", " ")),
            f" {curve.auroc:.2f} ({curve.positives})",
        )
        for curve in found.curves
    ]
    plot = square(found.reliability.predicted, found.reliability.observed, "Reliability", points=True)
    error = f"predicted (across) and observed (up): calibration error {found.reliability.error:.3f}"
    return [
        tag("h2", "Probabilities of findings"),
        tag("p", f"{found.source} beside {found.truth}.", class_="note"),
        table(heads, rows, "findings"),
        tag(
            "div",
            tag("div", figure(plot, tag("b", "Calibration "), error), *curves, class_="small"),
            tag(
                "p",
                "ROC: false positive rate across, true positive rate up; its area, and the positives. "
                "The threshold for the sensitivity was chosen on these studies.",
                class_="note",
            ),
            class_="card",
        ),
    ]


def _assertions(captions: AssertionScores) -> list[Markup]:
    heads = ["finding", "positives", "in captions", "precision", "recall", "F1"]
    rows = [_assertion_cells(row) for row in (*captions.findings, captions.total)]
    return [
        tag("h2", "Findings that captions assert, beside the labels"),
        table(heads, rows, "findings"),
        tag(
            "p",
            f"Macro-F1 over findings with a positive: {captions.total.values['macro_f1']:.3f}. "
            "A study without a caption asserts nothing.",
            class_="note",
        ),
    ]


def _assertion_cells(row: FindingScores) -> list[object]:
    cells = _cells(row, ASSERTION_SCORES)
    return [*cells[:2], str(row.asserted), *cells[2:]]


def _cells(row: FindingScores, names: tuple[str, ...]) -> list[object]:
    cells: list[object] = [row.finding.replace("_", " "), f"{row.positives} of {row.n}"]
    for name in names:
        value, pair = row.values.get(name), row.intervals.get(name)
        between = tag("small", f"{pair[0]:.3f}–{pair[1]:.3f}") if pair else ""
        cells.append("–" if value is None else join([f"{value:.3f}", between]))
    return cells
