"""Rows of a table in any of four formats: CSV or TSV, JSON Lines, Parquet."""

from __future__ import annotations

import gzip
import importlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from radscribe.data.sources.files import numbered_rows
from radscribe.errors import DataError, RadscribeError

Record = dict[str, Any]
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".tsv", ".txt", ".tab")


def is_table(path: Path) -> bool:
    """Whether the name is that of a table which can be read."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith(JSON_LINES + PARQUET + TEXT)


def records(
    path: Path,
    delimiter: str = "",
    encoding: str = "utf-8-sig",
    header: Sequence[str] | None = None,
    quoted: bool = True,
) -> Iterator[tuple[int, Record]]:
    """Rows with their numbers, for the user to find them: lines of a text file, rows of a Parquet file.

    Raises
    ------
    DataError : the file is missing, damaged or of another format.
    RadscribeError : a Parquet file, and pyarrow is not installed.
    """
    name = path.name.lower().removesuffix(".gz")
    if not path.is_file():
        raise DataError("there is no such table", subject=path, remedy="check the path")
    if name.endswith(PARQUET):
        yield from _parquet(path)
    elif name.endswith(JSON_LINES):
        yield from _json_lines(path, encoding)
    else:
        separator = delimiter.replace("\\t", "\t") or _separator(path, encoding)
        yield from numbered_rows(path, (), separator, encoding, header, quoted)


def _separator(path: Path, encoding: str) -> str:
    """The character that parts the cells of the first line: ImageCLEF puts tabs into files called .csv."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding=encoding, errors="replace") as file:
            first = file.readline(1 << 16)
    except (OSError, EOFError, LookupError) as error:
        raise DataError(f"cannot be read: {error}", subject=path, remedy="check the file") from error
    if "\t" in first:
        return "\t"
    return ";" if first.count(";") > first.count(",") else ","


def _json_lines(path: Path, encoding: str) -> Iterator[tuple[int, Record]]:
    number = 0
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding=encoding) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    record = json.loads(line)
                    if not isinstance(record, dict):
                        raise ValueError("is no JSON object")
                    yield number, record
    except (OSError, EOFError, ValueError, LookupError, RecursionError) as error:
        raise DataError(
            f"line {max(number, 1)}: {error}", subject=path, remedy="give one JSON object a line"
        ) from error


def _parquet(path: Path) -> Iterator[tuple[int, Record]]:
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
                yield number, record
    except (OSError, arrow.ArrowException) as error:
        raise DataError(
            f"cannot be read as Parquet ({error})", subject=path, remedy="export it again"
        ) from error
