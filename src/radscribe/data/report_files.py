"""Reports from a file or a stream: CSV, JSON Lines, JSON, Parquet, or plain text with one report per line."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from radscribe.data.sources.files import FIELD, is_missing, refuse_other_files
from radscribe.data.tables import JSON_LINES, PARQUET, records
from radscribe.errors import DataError, UsageError

ID, REPORT = "id", "report"
_DELIMITERS = (",", ";", "\t", "|")
_TEXT_TABLES = (".csv", ".tsv", ".tab")


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report of a file.

    Parameters
    ----------
    id : str
        Its id, or the number of its row or line.
    text : str
        The report; empty if the row has none.
    error : DataError, optional
        Why the row cannot be read.
    """

    id: str
    text: str = ""
    error: DataError | None = None


def read_reports(
    path: Path,
    id_column: str | None = None,
    report_column: str | None = None,
    encoding: str | None = None,
) -> Iterator[ReportRow]:
    """Read the reports of a file, one after the other; see `parse_reports`.

    Raises
    ------
    DataError
        The file cannot be opened or read, is empty, or lacks a column.
    """
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(JSON_LINES + PARQUET) and path.is_file():
        yield from _records(path, str(path), id_column, report_column)
        return
    table = name.endswith(_TEXT_TABLES)
    try:
        with path.open("rb") as file:
            yield from parse_reports(file, str(path), table, id_column, report_column, encoding)
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", subject=path, remedy="check the path and its permissions"
        ) from error


def parse_reports(
    stream: BinaryIO,
    name: str,
    must_be_table: bool = False,
    id_column: str | None = None,
    report_column: str | None = None,
    encoding: str | None = None,
) -> Iterator[ReportRow]:
    """Read reports from bytes as they come.

    The content decides the format. A file that starts as JSON or Parquet is never read as a report. A first
    line that names the columns makes it CSV, whose fields may be quoted and hold line breaks; comma,
    semicolon, tab or pipe separate them. Otherwise each line is a report and its number is the id; blank
    lines are left out.

    Parameters
    ----------
    stream : binary file
        Text or Parquet.
    name : str
        Name of the stream for errors.
    must_be_table : bool
        Whether the first line must name the columns.
    id_column, report_column : str, optional
        Columns of the id and the report (default: "id" and "report", in any case). Without a column for
        the id, the number of the row is the id.
    encoding : str, optional
        Encoding of text (default: UTF-16 if it begins with a byte order mark, else UTF-8).

    Raises
    ------
    DataError
        There are no reports, bytes are not text of that kind, or a column is missing.
    UsageError
        There is no such encoding.
    """
    if encoding is not None:
        _require_encoding(encoding)
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
    head = buffered.peek(64)[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    refuse_other_files(head, name)
    if head[:1] in (b"{", b"[") or head[:4] == b"PAR1":
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / ("reports.parquet" if head[:4] == b"PAR1" else "reports.json")
            with copy.open("wb") as file:
                shutil.copyfileobj(buffered, file)
            yield from _records(copy, name, id_column, report_column)
        return
    wide = buffered.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
    chosen = encoding or ("utf-16" if wide else "utf-8-sig")
    lines = io.TextIOWrapper(buffered, encoding=chosen, newline="")
    try:
        yield from _parse(lines, name, must_be_table, id_column, report_column)
    except UnicodeDecodeError as error:
        raise _wrong_encoding(chosen, error, name) from error
    except UnicodeError as error:  # UTF-16 without its mark
        raise DataError(f"is broken {chosen}", subject=name, remedy="save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"is broken CSV: {error}", subject=name, remedy="export it as CSV again") from error
    finally:
        lines.detach()  # the caller closes the stream


def _records(path: Path, name: str, id_column: str | None, report_column: str | None) -> Iterator[ReportRow]:
    """The reports of a JSON, JSON Lines or Parquet file."""
    empty = True
    try:
        for number, (place, record) in enumerate(records(path), 1):
            if empty:
                _check(list(record), name, id_column, report_column)
                empty = False
            cells: dict[str, Any] = {column.lower(): value for column, value in record.items()}
            key, text = cells.get((id_column or ID).lower()), cells.get((report_column or REPORT).lower())
            if key is None and (id_column or ID).lower() in cells:
                yield ReportRow("", error=_bad_row(f"{place} has no id", name))
            else:
                yield ReportRow(str(number if key is None else key), "" if text is None else str(text))
    except DataError as error:
        raise DataError(error.problem, subject=name, remedy=error.remedy) from error
    if empty:
        _is_empty(name)


def _parse(
    lines: Iterable[str], name: str, must_be_table: bool, id_column: str | None, report_column: str | None
) -> Iterator[ReportRow]:
    rest = iter(lines)
    head = next((line for line in rest if line.strip()), "")
    if not head:
        _is_empty(name)
    delimiter = max(_DELIMITERS, key=head.count)
    cells = [cell.strip() for cell in next(csv.reader([head], delimiter=delimiter))]
    named = {cell.lower() for cell in cells} & {(id_column or ID).lower(), (report_column or REPORT).lower()}
    if must_be_table or id_column or report_column or named:
        _check(cells, name, id_column, report_column)
        yield from _rows(itertools.chain([head], rest), delimiter, name, id_column, report_column)
        return
    for number, line in enumerate(itertools.chain([head], rest), 1):
        if line.strip():
            yield ReportRow(str(number), line.rstrip("\r\n"))


def _rows(
    lines: Iterable[str], delimiter: str, name: str, id_column: str | None, report_column: str | None
) -> Iterator[ReportRow]:
    csv.field_size_limit(FIELD)
    reader = csv.reader(lines, delimiter=delimiter)
    header = [cell.strip().lower() for cell in next(reader)]
    key = (id_column or ID).lower()
    place = header.index(key) if key in header else None
    report = header.index((report_column or REPORT).lower())
    for number, row in enumerate((row for row in reader if row), 1):
        if len(row) <= max(place or 0, report):
            problem = f"line {reader.line_num} has {len(row)} of {len(header)} fields"
        elif place is not None and is_missing(row[place]):
            problem = f"line {reader.line_num} has no id"
        else:
            text = "" if is_missing(row[report]) else row[report]
            yield ReportRow(str(number) if place is None else row[place].strip(), text)
            continue
        yield ReportRow("", error=_bad_row(problem, name))


def _check(columns: Sequence[str], name: str, id_column: str | None, report_column: str | None) -> None:
    """Raise `DataError` if a column is missing; only a column for the id that was not asked for may be."""
    known = {column.strip().lower() for column in columns}
    wanted = [column for column in (id_column or ID, report_column or REPORT) if column.lower() not in known]
    if (report_column or REPORT) in wanted or (id_column and id_column in wanted):
        raise DataError(
            f"has no column {' and no column '.join(wanted)}",
            subject=name,
            remedy="choose from its columns with --id-column and --report-column: "
            + ", ".join(columns)[:200],
        )


def _require_encoding(encoding: str) -> None:
    try:
        if codecs.lookup(encoding)._is_text_encoding:  # base64 and the like are codecs, too
            return
    except LookupError:
        pass
    raise UsageError(f"there is no encoding '{encoding}'", remedy="give cp1252, latin-1, utf-16 or another")


def _wrong_encoding(encoding: str, error: UnicodeDecodeError, name: str) -> DataError:
    if encoding == "utf-16":
        return DataError("is broken UTF-16", subject=name, remedy="save it as UTF-8")
    return DataError(
        f"is not {encoding.upper().removesuffix('-SIG')}: byte 0x{error.object[error.start]:02x}",
        subject=name,
        remedy="name its encoding, for example --encoding cp1252",
    )


def _bad_row(problem: str, name: str) -> DataError:
    return DataError(problem, subject=name, remedy="correct it; the other rows are done")


def _is_empty(name: str) -> NoReturn:
    raise DataError(
        "is empty", subject=name, remedy="give one report per line, or a table with id and report"
    )
