"""Rows of a table: CSV or TSV, JSON, JSON Lines or Parquet."""

from __future__ import annotations

import gzip
import importlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from radscribe.data.sources.files import is_missing, is_utf_16, numbered_rows, refuse_other_files
from radscribe.errors import DataError, RadscribeError

Record = dict[str, Any]
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet", ".pq")
SHARDS = "shard-*.parquet"  # the files of `radscribe batch`
TEXT = (".csv", ".tsv", ".txt", ".tab")


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table that can be read."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith(JSON_LINES + PARQUET + TEXT)


def is_batch(folder: Path) -> bool:
    """Whether a folder holds the results of `radscribe batch`."""
    return folder.is_dir() and any(folder.glob(SHARDS))


def records(
    path: Path,
    delimiter: str = "",
    encoding: str = "utf-8-sig",
    header: Sequence[str] | None = None,
    quoted: bool = True,
) -> Iterator[tuple[str, Record]]:
    """Read a table row by row. A missing value (NaN, NA, None, null, ...) is None, or empty in a text file.

    Parameters
    ----------
    path : Path
        The table; its name says the format, and `.gz` that it is compressed. Or the folder of a batch.
    delimiter : str
        What separates cells of a text file; found out unless given.
    encoding : str
        Of a text file; UTF-16 is recognised by its byte order mark.
    header : sequence of str, optional
        Names of the columns of a text file that does not name them.
    quoted : bool
        Whether quotation marks around a cell of a text file are not part of it.

    Yields
    ------
    tuple of str and dict
        Where the row is, such as ``line 3``, and its cells by column.

    Raises
    ------
    DataError
        The file is missing, damaged or of another format.
    RadscribeError
        The file is a Parquet file and pyarrow is not installed.
    """
    if is_batch(path):
        for shard in sorted(path.glob(SHARDS)):
            for place, record in records(shard):
                yield f"{shard.name}, {place}", record
        return
    name = path.name.lower().removesuffix(".gz")
    if not path.is_file():
        raise DataError("there is no such table", subject=path, remedy="check the path")
    if encoding == "utf-8-sig" and is_utf_16(path):
        encoding = "utf-16"
    if name.endswith(PARQUET):
        rows = _parquet(path)
    elif name.endswith(JSON_LINES):
        rows = _json(path, encoding)
    else:
        if path.suffix != ".gz":
            with path.open("rb") as file:
                refuse_other_files(file.read(16), path)
        separator = delimiter.replace("\\t", "\t") or _separator(path, encoding)
        yield from (
            (f"line {line}", dict(row))
            for line, row in numbered_rows(path, (), separator, encoding, header, quoted)
        )
        return
    for place, record in rows:
        yield place, {column: _value(value, column) for column, value in record.items()}


def _value(value: Any, column: str = "") -> Any:
    """A cell without the many ways to say that there is none."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str) and is_missing(value, column):
        return None
    if isinstance(value, list):
        return [item for item in map(_value, value) if item is not None]
    return value


def present(record: Record) -> Record:
    """Return the cells of a row that are not missing."""
    cells = ((column, _value(value, column)) for column, value in record.items())
    return {column: value for column, value in cells if value is not None}


def _separator(path: Path, encoding: str) -> str:
    """The character between the cells of the first line: ImageCLEF puts tabs into files called .csv."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding=encoding, errors="replace") as file:
            first = file.readline(1 << 16)
    except (OSError, EOFError, LookupError) as error:
        raise DataError(f"cannot be read: {error}", subject=path, remedy="check the file") from error
    if "\t" in first:
        return "\t"
    return ";" if first.count(";") > first.count(",") else ","


def _json(path: Path, encoding: str) -> Iterator[tuple[str, Record]]:
    """JSON Lines, one array of objects, or one object that holds such an array."""
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding=encoding) as file:
            start = file.read(1 << 16).lstrip()
            file.seek(0)
            first = start.partition("\n")[0].strip()
            if not _is_object(first) and start[:1] in ("[", "{"):
                yield from _whole(json.load(file))
                return
            for number, line in enumerate(file, 1):
                if line.strip():
                    record = json.loads(line)
                    if not isinstance(record, dict):
                        raise ValueError("is not a JSON object")
                    yield f"line {number}", record
    except (OSError, EOFError, ValueError, LookupError, RecursionError) as error:
        at = number or getattr(error, "lineno", 0)
        raise DataError(
            f"line {at}: {error}" if at else str(error),
            subject=path,
            remedy="give one JSON object per line, or one array of objects",
        ) from error


def _is_object(line: str) -> bool:
    """Whether a line is one flat record; a whole document on one line holds lists or dicts of records."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and _rows_within(record) is None and not _is_by_column(record)


def _is_by_column(document: dict[str, Any]) -> bool:
    """Whether a document has the default layout of pandas, one column after the other."""
    columns = list(document.values())
    same = all(isinstance(column, dict) and column.keys() == columns[0].keys() for column in columns)
    return len(columns) > 1 and same


def _rows_within(document: dict[str, Any]) -> list[Any] | None:
    """The array of objects that a document holds."""
    lists = [value for value in document.values() if isinstance(value, list) and value]
    found = [value for value in lists if all(isinstance(item, dict) for item in value)]
    return found[0] if len(found) == 1 and len(document) == len(found) else None


def _whole(document: Any) -> Iterator[tuple[str, Record]]:
    rows = _rows_within(document) if isinstance(document, dict) else document
    if rows is None and _is_by_column(document):
        keys = list(next(iter(document.values())))
        rows = [{name: column[key] for name, column in document.items()} for key in keys]
    if not isinstance(rows, list):
        raise ValueError("is not an array of objects")
    for number, record in enumerate(rows, 1):
        if not isinstance(record, dict):
            raise ValueError(f"entry {number} is not a JSON object")
        yield f"entry {number}", record


def _parquet(path: Path) -> Iterator[tuple[str, Record]]:
    try:
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise RadscribeError(
            "a Parquet file needs pyarrow", subject=path, remedy="run: pip install pyarrow"
        ) from error
    number = 0
    try:
        for batch in parquet.ParquetFile(path).iter_batches():
            for record in batch.to_pylist():
                number += 1
                yield f"row {number}", record
    except (OSError, arrow.ArrowException) as error:
        raise DataError(
            "cannot be read as Parquet: the file is damaged or of another format",
            subject=path,
            remedy="export it again",
        ) from error
