"""`radscribe compare`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from radscribe.inference.options import DEFAULTS


@click.command()
@click.argument("in_use", metavar="IN_USE")
@click.argument("new", metavar="NEW")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder made by `prepare` or `export-reviews`.",
)
@click.option(
    "--split",
    "part",
    type=click.Choice(["train", "val", "test", "all"]),
    default="test",
    show_default=True,
    help="Part of the dataset to caption. Neither bundle may have been trained on it.",
)
@click.option(
    "--target",
    type=click.Choice(["findings", "impression", "both"]),
    default="findings",
    show_default=True,
    help="Section of the report to score against.",
)
@click.option(
    "--beam",
    type=click.IntRange(min=1),
    default=DEFAULTS.beam,
    show_default=True,
    help="Width of the beam search; 1 is greedy search.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Number of bootstrap resamples.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison on standard output as JSON.")
def command(in_use: str, new: str, data: Path, as_json: bool, **options: object) -> int:
    """Compare a new bundle with the one in use.

    Both caption the same held-out studies. Each score gets the difference with its 95% interval, by a paired
    bootstrap over patients. The new bundle is better if the interval of micro-F1 of findings lies above 0 and
    that of no score lies below 0. It is worse if that of a score lies below 0. Otherwise, or with fewer than
    20 studies, the comparison decides nothing.

    \b
    radscribe compare iu-nih-3 bundles/reviewed --data reviewed

    Exit code 0: the new bundle is better. 1: it is worse, or it is not decided. 2: wrong use.
    """
    from rich.console import Console
    from rich.table import Table

    from radscribe.cli.progress import Progress
    from radscribe.evaluation.compare import compare
    from radscribe.evaluation.metrics.registry import TITLES

    with Progress() as progress:
        result = compare(data, in_use, new, advance=progress.tick, **options)  # type: ignore[arg-type]
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 110)
    if result.scores:
        table = Table("", "in use", "new", "difference", "95% interval")
        for name, one in result.scores.items():
            low, high = one.interval or (float("nan"), float("nan"))
            numbers = f"{one.in_use:.3f}", f"{one.new:.3f}", f"{one.difference:+.3f}"
            table.add_row(TITLES.get(name, name), *numbers, f"{low:+.3f} to {high:+.3f}")
        console.print(table)
    for note in result.notes:
        console.print(f"note: {note}", highlight=False)
    told = {"better": "is better", "worse": "is worse", "undecided": "is not shown to be better"}
    line = f"{result.new} {told[result.verdict]} than {result.in_use} on {result.n} studies: {result.reason}"
    console.print(line, highlight=False, soft_wrap=True)
    if as_json:
        click.echo(json.dumps(result.to_dict()))
    return 0 if result.verdict == "better" else 1
