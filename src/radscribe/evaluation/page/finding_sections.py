"""The page's sections on findings and on their probabilities."""

from __future__ import annotations

from radscribe.evaluation.findings.assertions import FINDINGS, per_finding
from radscribe.evaluation.metrics.registry import TITLES
from radscribe.evaluation.page.markup import Markup, escape, join, table, tag
from radscribe.evaluation.page.plots import bars, figure, key, square
from radscribe.evaluation.page.sections import PLOTTED, title
from radscribe.evaluation.records import Evaluation


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
    doubt = {"absent": "is no assertion", "present": "counts as assertion", "skip": "is left out"}
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
    plot = square(found.reliability.predicted, found.reliability.observed, "Reliability", points=True)
    curves = [
        figure(
            square(curve.false_rate, curve.true_rate, f"ROC of {curve.finding}"),
            tag("b", curve.finding.replace("_", " ")),
            f" {curve.auroc:.2f} ({curve.positives})",
        )
        for curve in found.curves
    ]
    error = f"predicted (across) and observed: calibration error {found.reliability.error:.3f}"
    return join(
        [
            tag("h2", "Probabilities"),
            tag("p", f"{found.source} beside {found.truth}.", class_="note"),
            tag(
                "div",
                tag("div", figure(plot, tag("b", "Calibration "), error), *curves, class_="small"),
                tag(
                    "p",
                    "ROC: false positive rate across, true positive rate up; its area, and the positives.",
                    class_="note",
                ),
                class_="card",
            ),
        ]
    )
