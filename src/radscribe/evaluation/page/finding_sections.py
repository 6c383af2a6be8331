"""The page's sections on findings: those of the reports, and those of a dataset's labels."""

from __future__ import annotations

from radscribe.evaluation.findings.assertions import FINDINGS, per_finding
from radscribe.evaluation.findings.label_scores import (
    ASSERTION_SCORES,
    PROBABILITY_SCORES,
    AssertionScores,
    FindingScores,
    ProbabilityScores,
)
from radscribe.evaluation.metrics.registry import TITLES
from radscribe.evaluation.page.markup import Markup, escape, join, table, tag
from radscribe.evaluation.page.plots import bars, figure, key, square
from radscribe.evaluation.page.sections import PLOTTED, title
from radscribe.evaluation.records import Evaluation, LabelScores


def findings(evaluation: Evaluation) -> Markup:
    """Return F1 of each finding as bars, and the numbers."""
    values = per_finding(evaluation.system.finding_sums)
    hits, alarms, misses = evaluation.system.finding_sums.reshape(3, -1)
    rival = max(evaluation.others, key=lambda one: one.values["micro_f1"], default=None)
    other = per_finding(rival.finding_sums)["f1"] if rival else [0.0] * len(FINDINGS)
    order = sorted(range(len(FINDINGS)), key=lambda place: -(hits + misses)[place])
    order = [place for place in order if hits[place] + alarms[place] + misses[place] > 0]
    names = [name.replace("_", " ") for name in FINDINGS]
    shown = [(names[p], float(values["f1"][p]), float(other[p]), f"{values['f1'][p]:.2f}") for p in order]
    rows = [
        [
            names[p],
            f"{hits[p] + misses[p]:.0f}",
            f"{hits[p] + alarms[p]:.0f}",
            *(f"{values[name][p]:.2f}" for name in ("precision", "recall", "f1")),
        ]
        for p in order
    ]
    legend = tag(
        "p",
        key("system", "the captions"),
        *([key("other", f"{title(rival)}, the best other by micro-F1")] if rival else []),
        class_="note",
    )
    doubt = {"absent": "is not an assertion", "present": "counts as assertion", "skip": "is left out"}
    parts = {"abnormal": "Abnormal studies", "normal": "Normal studies"}
    apart = [
        [
            parts[part],
            str(n),
            *("–" if not n else f"{subset[name]:.3f}" for name in PLOTTED[:4]),
            *(
                "–" if not n else f"{subset[name]:.3f}"
                for name in ("micro_precision", "micro_recall", "micro_f1")
            ),
        ]
        for part, (n, subset) in evaluation.system.subsets.items()
    ]
    return join(
        [
            tag("h2", "Findings"),
            tag(
                "p",
                "F1 of what captions assert beside what references assert, both read by the same rules; what "
                f"is in doubt {doubt[evaluation.settings.uncertain]}.",
                class_="note",
            ),
            tag("div", legend, bars(shown, title(rival) if rival else ""), class_="card"),
            table(["finding", "in references", "in captions", "precision", "recall", "F1"], rows),
            tag("h3", "Abnormal and normal studies apart"),
            table(
                ["studies", "n", *(TITLES[name] for name in PLOTTED[:4]), "precision", "recall", "micro-F1"],
                apart,
            ),
            tag(
                "p",
                "Abnormal: the reference asserts a finding other than a device, an old granuloma or a "
                f"degenerative spine. Agreement on normal: {evaluation.normal.agreement:.0%}, kappa "
                f"{evaluation.normal.kappa:.2f}.",
                class_="note",
            ),
        ]
    )


def probabilities(evaluation: Evaluation) -> Markup:
    """Return reliability and ROC, if there are probabilities."""
    found = evaluation.task.probabilities
    if found is None:
        return escape("")
    return join(
        [
            tag("h2", "Probabilities"),
            tag("p", f"{found.source} beside {found.truth}.", class_="note"),
            _curves(found),
        ]
    )


def _curves(found: ProbabilityScores, *notes: str) -> Markup:
    """A card with the reliability diagram and the ROC of each finding."""
    plot = square(found.reliability.predicted, found.reliability.observed, "Reliability", points=True)
    error = f"predicted (across) and observed (up): calibration error {found.reliability.error:.3f}"
    curves = [
        figure(
            square(curve.false_rate, curve.true_rate, f"ROC of {curve.finding}"),
            tag("b", curve.finding.replace("_", " ")),
            f" {curve.auroc:.2f} ({curve.positives})",
        )
        for curve in found.curves
    ]
    roc = "ROC: false positive rate across, true positive rate up; its area, and the positives."
    return tag(
        "div",
        tag("div", figure(plot, tag("b", "Calibration "), error), *curves, class_="small"),
        tag("p", " ".join((roc, *notes)), class_="note"),
        class_="card",
    )


def label_sections(labels: LabelScores, alone: bool) -> list[Markup]:
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
    return [
        tag("h2", "Probabilities of findings"),
        tag("p", f"{found.source} beside {found.truth}.", class_="note"),
        table(heads, rows, "findings"),
        _curves(found, "The threshold for the sensitivity was chosen on these studies."),
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
