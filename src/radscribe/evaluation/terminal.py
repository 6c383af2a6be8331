"""The evaluation on a terminal: warnings, then the system beside its baselines."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from radscribe.evaluation.findings.assertions import FINDINGS, per_finding
from radscribe.evaluation.metrics.registry import TITLES
from radscribe.evaluation.records import Evaluation, seed_spread
from radscribe.evaluation.scores_file import overall_signature, signatures
from radscribe.evaluation.system_scores import SystemScores
from radscribe.evaluation.warnings import HEADLINES

COLUMNS = ("bleu_1", "bleu_4", "rouge_l", "cider_d", "micro_f1", "macro_f1")
SHORT = {"micro_f1": "micro-F1", "macro_f1": "macro-F1"}


def show(evaluation: Evaluation, console: Console) -> None:
    """Print the warnings and the tables."""
    for warning in evaluation.warnings:
        console.print(Text(f"! {warning}"), style="bold yellow")
    console.print(_main(evaluation))
    if evaluation.compared:
        console.print(_compared(evaluation))
    if len(evaluation.seeds) > 1:
        console.print(_seeds(evaluation))
    console.print(_findings(evaluation))
    meteor = evaluation.system.meteor
    told = f"{meteor.score:.3f}" if meteor.score is not None else f"none ({meteor.reason})"
    console.print(Text(f"METEOR {told}"))
    for note in evaluation.task.notes:
        console.print(Text(f"note: {note}"))
    known = signatures(evaluation)
    for line in (overall_signature(evaluation), *(known[name] for name in COLUMNS)):
        console.print(Text(line), style="dim", soft_wrap=True)


def _main(evaluation: Evaluation) -> Table:
    table = Table(title=f"{evaluation.n} studies, {evaluation.task.references.target}", title_justify="left")
    table.add_column("captions")
    for name in COLUMNS:
        table.add_column(SHORT.get(name, TITLES[name]), justify="right")
    table.add_column("distinct", justify="right")
    for one in (evaluation.system, *evaluation.others):
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
    table = Table(title=f"{evaluation.system.name} less {other.name}", title_justify="left")
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
