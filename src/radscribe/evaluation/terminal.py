"""The evaluation on a terminal: warnings, then tables."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from radscribe.evaluation.findings.assertions import FINDINGS, per_finding
from radscribe.evaluation.findings.label_scores import (
    ASSERTION_SCORES,
    PROBABILITY_SCORES,
    AssertionScores,
    FindingScores,
    ProbabilityScores,
)
from radscribe.evaluation.metrics.registry import TITLES
from radscribe.evaluation.records import Evaluation, LabelScores, seed_spread
from radscribe.evaluation.scores_file import overall_signature, signatures
from radscribe.evaluation.system_scores import SystemScores
from radscribe.evaluation.warnings import HEADLINES

COLUMNS = ("bleu_1", "bleu_4", "rouge_l", "cider_d", "micro_f1", "macro_f1")
SHORT = {"micro_f1": "micro-F1", "macro_f1": "macro-F1"}


def show(captions: Evaluation | None, labels: LabelScores | None, console: Console) -> None:
    """Print the warnings and the tables.

    Parameters
    ----------
    captions : Evaluation, optional
        Captions beside reports.
    labels : LabelScores, optional
        Probabilities and captions beside labels.
    console : rich.console.Console
        Where to print.
    """
    if captions is not None:
        _show_captions(captions, console)
    if labels is not None:
        _show_labels(labels, console)


def _show_captions(evaluation: Evaluation, console: Console) -> None:
    for warning in evaluation.warnings:
        console.print(Text(f"! {warning}"), style="bold yellow")
    console.print(_main(evaluation))
    if evaluation.compared:
        console.print(_compared(evaluation))
    if len(evaluation.seeds) > 1:
        console.print(_seeds(evaluation))
    console.print(_findings(evaluation))
    console.print(Text(_reading(evaluation)))
    meteor = evaluation.system.meteor
    told = f"{meteor.score:.3f}" if meteor.score is not None else f"none ({meteor.reason})"
    console.print(Text(f"METEOR {told}"))
    for name, score in evaluation.external.items():
        pair = score.get("interval")
        between = f" ({pair[0]:.3f}–{pair[1]:.3f})" if pair else ""
        console.print(Text(f"{name} {score['value']:.3f}{between}, {score['better']} is better"))
    for note in evaluation.task.notes:
        console.print(Text(f"note: {note}"))
    known = signatures(evaluation)
    for line in (overall_signature(evaluation), *(known[name] for name in COLUMNS)):
        console.print(Text(line), style="dim", soft_wrap=True)


def _reading(evaluation: Evaluation) -> str:
    """The errors that a reader would meet, in one line."""
    values, errors = evaluation.system.values, evaluation.errors
    return (
        f"normal or abnormal: {values['normal_agreement']:.0%} agree · abnormal studies with a right "
        f"finding: {values['abnormal_hit_rate']:.0%} · wrong side: {errors.sides_wrong} of "
        f"{errors.sides_compared}"
    )


def _show_labels(labels: LabelScores, console: Console) -> None:
    for warning in labels.warnings:
        console.print(Text(f"! {warning}"), style="bold yellow")
    unit = "patients" if labels.resampled == "patient" else "studies"
    if labels.probabilities is not None:
        console.print(_probability_table(labels, labels.probabilities))
    if labels.captions is not None:
        console.print(_assertion_table(labels, labels.captions))
    settings = labels.settings
    if settings.rounds:
        console.print(
            Text(
                f"{settings.confidence:.0%} intervals from {settings.rounds} bootstrap resamples of {unit}, "
                f"seed {settings.seed}."
            ),
            style="dim",
        )


def _probability_table(labels: LabelScores, found: ProbabilityScores) -> Table:
    heads = {
        "auroc": "AUROC",
        "average_precision": "average precision",
        "sensitivity": f"sensitivity at {found.specificity:.0%} specificity",
        "calibration_error": "calibration error",
    }
    table = _label_table(f"{found.source} on {labels.n} studies: probabilities")
    for name in PROBABILITY_SCORES:
        table.add_column(heads[name], justify="right")
    for row in found.findings:
        table.add_row(*_label_cells(row, PROBABILITY_SCORES))
    table.add_section()
    table.add_row(*_label_cells(found.mean, PROBABILITY_SCORES, positives=False), style="bold")
    return table


def _assertion_table(labels: LabelScores, captions: AssertionScores) -> Table:
    table = _label_table(f"{labels.system} on {labels.n} studies: findings that captions assert")
    table.add_column("in captions", justify="right")
    for name in ASSERTION_SCORES:
        table.add_column("F1" if name == "f1" else name, justify="right")
    for row in captions.findings:
        cells = _label_cells(row, ASSERTION_SCORES)
        table.add_row(*cells[:2], str(row.asserted), *cells[2:])
    table.add_section()
    cells = _label_cells(captions.total, ASSERTION_SCORES)
    table.add_row(*cells[:2], str(captions.total.asserted), *cells[2:], style="bold")
    macro = captions.total.values["macro_f1"]
    table.caption = f"macro-F1 over findings with a positive: {_cell_text(captions.total, 'macro_f1', macro)}"
    table.caption_justify = "left"
    return table


def _label_table(title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("finding")
    table.add_column("positives", justify="right")
    return table


def _label_cells(row: FindingScores, names: tuple[str, ...], positives: bool = True) -> list[str]:
    values: Mapping[str, float] = row.values
    scores = [_cell_text(row, name, values.get(name)) for name in names]
    count = f"{row.positives} of {row.n}" if row.positives <= row.n else str(row.positives)
    return [row.finding.replace("_", " "), count if positives else "", *scores]


def _cell_text(row: FindingScores, name: str, value: float | None) -> str:
    if value is None:
        return "–"
    pair = row.intervals.get(name)
    return f"{value:.3f} ({pair[0]:.2f}–{pair[1]:.2f})" if pair else f"{value:.3f}"


def _main(evaluation: Evaluation) -> Table:
    table = Table(title=f"{evaluation.n} studies, {evaluation.task.references.target}", title_justify="left")
    table.add_column("captions", min_width=22)
    for name in COLUMNS:
        table.add_column(SHORT.get(name, TITLES[name]), justify="right", min_width=8)
    table.add_column("distinct", justify="right")
    controls = [evaluation.shuffled] if evaluation.shuffled else []
    for one in (evaluation.system, *evaluation.others, *controls):
        cells = [_cell(one, name, evaluation) for name in COLUMNS]
        style = "bold" if one is evaluation.system else ""
        table.add_row(Text(one.name.replace("_", " ")), *cells, str(one.distinct), style=style)
    return table


def _cell(one: SystemScores, name: str, evaluation: Evaluation) -> str:
    value = f"{one.values[name]:.3f}"
    interval = one.interval(name, evaluation.settings.confidence)
    if one is not evaluation.system or interval is None:
        return value
    return f"{value}\n{interval[0]:.3f}–{interval[1]:.3f}"


def _compared(evaluation: Evaluation) -> Table:
    other = evaluation.compared[0]
    table = Table(title=f"{evaluation.system.name} minus {other.name}", title_justify="left")
    for column in ("score", evaluation.system.name, other.name, "difference", "interval", "p"):
        table.add_column(column, justify="left" if column == "score" else "right")
    for name in HEADLINES:
        gap = evaluation.differences[other.name][name]
        between = f"{gap.interval[0]:+.3f} to {gap.interval[1]:+.3f}" if gap.interval else "–"
        table.add_row(
            TITLES[name],
            f"{evaluation.system.values[name]:.3f}",
            f"{other.values[name]:.3f}",
            f"{gap.difference:+.3f}",
            between,
            "–" if gap.p_value is None else f"{gap.p_value:.3f}",
        )
    return table


def _seeds(evaluation: Evaluation) -> Table:
    table = Table(title=f"{len(evaluation.seeds)} seeds", title_justify="left")
    table.add_column("score")
    table.add_column("mean ± standard deviation", justify="right")
    spread = seed_spread(evaluation.seeds)
    for name in COLUMNS:
        mean, deviation = spread[name]
        table.add_row(TITLES[name], f"{mean:.3f} ± {deviation:.3f}")
    return table


def _findings(evaluation: Evaluation) -> Table:
    table = Table(title="findings", title_justify="left")
    for column in ("finding", "in references", "in captions", "precision", "recall", "F1"):
        table.add_column(column, justify="left" if column == "finding" else "right")
    values = per_finding(evaluation.system.finding_sums)
    hits, alarms, misses = evaluation.system.finding_sums.reshape(3, -1)
    for place in sorted(range(len(FINDINGS)), key=lambda p: -(hits + misses)[p]):
        if hits[place] + alarms[place] + misses[place]:
            table.add_row(
                FINDINGS[place].replace("_", " "),
                f"{hits[place] + misses[place]:.0f}",
                f"{hits[place] + alarms[place]:.0f}",
                *(f"{values[name][place]:.2f}" for name in ("precision", "recall", "f1")),
            )
    return table
