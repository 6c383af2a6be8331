"""The result of probes as a table on the terminal, as JSON and as a page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from radscribe.evaluation.page.document import document
from radscribe.evaluation.page.markup import Markup, join, table, tag
from radscribe.evaluation.page.plots import figure, image
from radscribe.evaluation.probes.pairs import WHAT, Pair, ProbeImage, png
from radscribe.evaluation.probes.score import ProbeResult, Rate, TestScore
from radscribe.files import staged_folder, write_text

JSON, PAGE = "probe.json", "probe.html"
EXAMPLES = 2  # pairs shown per test


def show(result: ProbeResult, console: Console) -> None:
    """Print a row per finding and test, and the totals.

    Parameters
    ----------
    result : ProbeResult
        The result.
    console : rich.console.Console
        Where to print.
    """
    if result.refused:
        console.print(
            Text(f"! {result.refused} of {result.images} images were refused; their pairs are left out."),
            style="bold yellow",
        )
    made = Table(title=f"{result.system}: {result.patients} drawn patients", title_justify="left")
    for column in ("test", "finding", "changed as it should", "changed when it should not", "reworded"):
        made.add_column(column, justify="left" if column in ("test", "finding") else "right")
    for total in result.totals:
        rows = [one for one in result.tests if one.test == total.test]
        for one in rows:
            made.add_row(*_cells(one))
        made.add_row(*_cells(total), style="bold", end_section=True)
    console.print(made)
    console.print(
        Text("95% intervals (Wilson). A captioner that says the same of every image has 0% everywhere."),
        style="dim",
    )


def save(result: ProbeResult, out: Path, overwrite: bool = False) -> tuple[Path, ...]:
    """Write `probe.json` and `probe.html` into a folder.

    Raises
    ------
    UsageError
        The folder has files in it, and `overwrite` is false.
    OutputError
        The folder cannot be written.
    """
    with staged_folder(out, overwrite) as stage:
        write_text(stage / JSON, json.dumps(result.to_dict(), indent=2) + "\n")
        write_text(stage / PAGE, page(result))
    return out / JSON, out / PAGE


def page(result: ProbeResult) -> str:
    """Return the result as one HTML file with examples."""
    content: list[Markup] = [
        tag(
            "p",
            f"{result.images} drawn radiographs of {result.patients} patients, in pairs that differ in "
            "exactly one thing. The phantoms are drawings: a captioner can fail on them and read real films, "
            "and the other way round. The tests ask whether the text follows the change.",
        )
    ]
    if result.refused:
        warning = f"{result.refused} of {result.images} images were refused; their pairs are left out."
        content.append(
            tag("section", tag("h2", "Read this first"), tag("p", warning), class_="card warnings")
        )
    content += [tag("h2", "All findings"), _table(result.totals, by="test")]
    for total in result.totals:
        rows = [one for one in result.tests if one.test == total.test]
        chosen = [one for one in result.pairs if one[0].test == total.test]
        good = [one for one in chosen if one[3]][:EXAMPLES]
        bad = [one for one in chosen if not one[3]][:EXAMPLES]
        content += [
            tag("h2", total.test.capitalize()),
            tag("p", f"{WHAT[total.test].capitalize()}.", class_="note"),
            _table(rows),
            *(_example(pair, before, after, right) for pair, before, after, right in (*good, *bad)),
        ]
    return document(result.system, "counterfactual tests", content)


def _table(rows: Sequence[TestScore], by: str = "finding") -> Markup:
    """A row per finding, or per test."""
    heads = [by, "changed as it should", "changed when it should not", "reworded"]
    cells = [
        [
            (one.test if by == "test" else one.finding).replace("_", " "),
            *(_markup(rate) for rate in (one.right, one.wrong, one.reworded)),
        ]
        for one in rows
    ]
    return table(heads, cells)


def _markup(rate: Rate | None) -> Markup:
    if rate is None or not rate.n:
        return join(["–"])
    low, high = rate.interval
    return join([f"{rate.value:.0%}", tag("small", f"{low:.0%}–{high:.0%} of {rate.n}")])


def _example(pair: Pair, before: str, after: str, right: bool) -> Markup:
    pictures = [
        figure(image(_uri(shown), shown.name), words)
        for shown, words in ((pair.before, "before"), (pair.after, "after"))
    ]
    texts = tag(
        "div",
        tag("div", tag("h4", "Before"), tag("p", before or tag("i", "nothing"))),
        tag("div", tag("h4", "After"), tag("p", after or tag("i", "nothing"))),
        class_="texts",
    )
    told = "as it should be" if right else "not as it should be"
    return tag(
        "article",
        tag("header", tag("b", pair.finding.replace("_", " ")), tag("span", told, class_="note")),
        tag("div", *pictures, class_="pictures"),
        texts,
        class_="card example",
    )


def _uri(shown: ProbeImage) -> str:
    return "data:image/png;base64," + base64.b64encode(png(shown.pixels(192))).decode("ascii")


def _cells(one: TestScore) -> list[str]:
    return [
        one.test,
        one.finding.replace("_", " "),
        *(
            "–" if rate is None or not rate.n else _rate_text(rate)
            for rate in (one.right, one.wrong, one.reworded)
        ),
    ]


def _rate_text(rate: Rate | None) -> str:
    if rate is None or not rate.n:
        return "–"
    low, high = rate.interval
    return f"{rate.value:.0%} ({low:.0%}–{high:.0%})"
