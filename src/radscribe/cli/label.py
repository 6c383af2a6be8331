"""`radscribe label`."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import click


@click.command()
@click.argument("file", metavar="FILE|-", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--id-column", metavar="NAME", help="Column with the id of each report.  [default: id]")
@click.option(
    "--report-column", metavar="NAME", help="Column with the text of each report.  [default: report]"
)
@click.option(
    "--encoding",
    help="Encoding of a text file, such as cp1252 or latin-1.  [default: UTF-16 if the file begins with a "
    "byte order mark, else UTF-8]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("jsonl", "csv")),
    default="jsonl",
    help="Write JSON Lines with the words and their positions, or CSV with one column per finding.  "
    "[default: jsonl]",
)
def command(
    file: Path, id_column: str | None, report_column: str | None, encoding: str | None, form: str
) -> int:
    """Find the findings that each report asserts, denies or leaves open.

    FILE is a table (CSV, JSON Lines, JSON or Parquet) or plain text with one report per line, whose line
    number is its id. Use - for standard input. Each finding that a report mentions is present, absent or
    uncertain. A row without a report (empty, NaN, NA, None) has no findings.

    \b
    radscribe label reports.csv > findings.jsonl
    radscribe label mimic.csv --id-column study_id --report-column text --format csv > findings.csv
    echo "No effusion. Mild cardiomegaly." | radscribe label -

    Exit code 0: all done. 1: some rows could not be read; the others are done. 2: wrong use.
    """
    from radscribe.data.report_files import parse_reports, read_reports
    from radscribe.text.findings import LABELS, describe, find, summarise

    if str(file) == "-":
        rows = parse_reports(
            sys.stdin.buffer,
            "standard input",
            id_column=id_column,
            report_column=report_column,
            encoding=encoding,
        )
    else:
        rows = read_reports(file, id_column, report_column, encoding)
    out = sys.stdout.buffer
    failed = started = False
    empty = 0
    for row in rows:
        if row.error:
            click.echo(f"radscribe: {row.error}", err=True)
            failed = True
            continue
        empty += not row.text.strip()
        mentions = find(row.text)
        if form == "jsonl":
            out.write(json.dumps({"id": row.id, **describe(mentions)}, ensure_ascii=False).encode() + b"\n")
            continue
        if not started:
            out.write(_csv_line(["id", *LABELS]))
            started = True
        statuses = summarise(mentions)
        out.write(_csv_line([row.id, *(statuses.get(finding, "") for finding in LABELS)]))
    out.flush()
    if empty:
        click.echo(f"radscribe: {empty} {'row has' if empty == 1 else 'rows have'} no report", err=True)
    return int(failed)


def _csv_line(cells: list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()
