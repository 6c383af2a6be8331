"""Reports from a CSV file with the columns `id` and `report`, or from plain text with one report a line."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from radscribe.errors import DataError

COLUMNS = ("id", "report")
_LARGEST_FIELD = 2**31 - 1  # the csv module's own limit is 131,072 characters
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report of a file; a row that cannot be read has an `error` and no text."""

    id: str
    text: str = ""
    error: DataError | None = None


def read_reports(path: Path) -> Iterator[ReportRow]:
    """The reports of a file, one after the other; see `parse_reports`.

    Raises
    ------
    DataError : the file cannot be opened or read, is empty, or lacks a column.
    """
    try:
        with path.open("rb") as file:
            yield from parse_reports(file, str(path), must_be_csv=path.suffix.lower() in (".csv", ".tsv"))
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", subject=path, remedy="check the path and its permissions"
        ) from error


def parse_reports(stream: BinaryIO, name: str, must_be_csv: bool = False) -> Iterator[ReportRow]:
    """The reports of UTF-8 bytes, read as they come.

    It is CSV where the first line names a column `id` or `report`; fields may be quoted and then hold line
    breaks; comma, semicolon or tab part them. Otherwise a line is a report and its number is the id; blank
    lines are left out.

    Raises
    ------
    DataError : no reports, bytes that are not UTF-8, or a column that is missing.
    """
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        yield from _parse(lines, name, must_be_csv)
    except UnicodeDecodeError as error:
        raise DataError(
            f"is not UTF-8: byte 0x{error.object[error.start]:02x}",
            subject=name,
            remedy="convert it, for example: iconv -f WINDOWS-1252 -t UTF-8",
        ) from error
    except csv.Error as error:
        raise DataError(f"is broken CSV: {error}", subject=name, remedy="write it again as CSV") from error
    finally:
        lines.detach()  # the stream is the caller's to close


def _parse(lines: Iterable[str], name: str, must_be_csv: bool) -> Iterator[ReportRow]:
    rest = iter(lines)
    head = next((line for line in rest if line.strip()), "")
    if not head:
        raise DataError("is empty", subject=name, remedy="give reports, one a line or as CSV with id,report")
    delimiter = max(_DELIMITERS, key=head.count)
    cells = {cell.strip().lower() for cell in next(csv.reader([head], delimiter=delimiter))}
    if must_be_csv or cells & set(COLUMNS):
        if missing := [column for column in COLUMNS if column not in cells]:
            raise DataError(
                f"has no column {' and no column '.join(missing)}",
                subject=name,
                remedy=f"name two columns {' and '.join(COLUMNS)} in the first line",
            )
        yield from _rows(itertools.chain([head], rest), delimiter, name)
    else:
        for number, line in enumerate(itertools.chain([head], rest), 1):
            if line.strip():
                yield ReportRow(str(number), line.rstrip("\r\n"))


def _rows(lines: Iterable[str], delimiter: str, name: str) -> Iterator[ReportRow]:
    csv.field_size_limit(_LARGEST_FIELD)
    reader = csv.reader(lines, delimiter=delimiter)
    header = [cell.strip().lower() for cell in next(reader)]
    id_column, report_column = (header.index(column) for column in COLUMNS)
    for row in reader:
        if not row:
            continue
        if len(row) <= max(id_column, report_column):
            problem = f"line {reader.line_num} has {len(row)} of {len(header)} fields"
        elif not row[id_column].strip():
            problem = f"line {reader.line_num} has no id"
        else:
            yield ReportRow(row[id_column].strip(), row[report_column])
            continue
        error = DataError(problem, subject=name, remedy="mend the line; the others are done")
        yield ReportRow("", error=error)
