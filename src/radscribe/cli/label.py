"""`radscribe label`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command()
@click.argument("file", metavar="FILE|-", type=click.Path(path_type=Path, allow_dash=True))
def command(file: Path) -> int:
    """Find the findings in each report: one JSON object a line.

    FILE is CSV with the columns id and report, or plain text with one report a line (its line number is the
    id); - is standard input. Each finding that a report speaks of is present, absent or uncertain, and
    `spans` has the words that say so with their character positions.

    \b
    radscribe label reports.csv > findings.jsonl
    echo "No effusion. Mild cardiomegaly." | radscribe label - | jq .findings

    Exit code 0: all done. 1: some rows could not be read; the others are done. 2: wrong use.
    """
    from radscribe.text.findings import describe, find
    from radscribe.text.report_file import parse_reports, read_reports

    dash = str(file) == "-"
    rows = parse_reports(sys.stdin.buffer, "standard input") if dash else read_reports(file)
    out = sys.stdout.buffer
    failed = False
    for row in rows:
        if row.error:
            click.echo(f"radscribe: {row.error}", err=True)
            failed = True
            continue
        record = {"id": row.id, **describe(find(row.text))}
        out.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
    out.flush()
    return int(failed)
