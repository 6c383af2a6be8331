"""Captions or probabilities from anyone's file: CSV, JSON Lines, JSON or Parquet with an id in every row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from radscribe.data.sources.files import id_of, refuse_other_files
from radscribe.data.tables import is_batch, records
from radscribe.errors import DataError
from radscribe.evaluation.metrics.base import Floats
from radscribe.labels import CHESTXRAY14
from radscribe.text.findings import LABELS

Missing = Literal["error", "empty"]
Extra = Literal["error", "ignore"]
ID, REPORT = "id", "report"
TEXT = "text"  # the column of the captions of `radscribe batch`
NAMED = 3  # ids that an error's line names
LARGEST = 1 << 20  # characters of one field
RECORDS = (".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".json.gz", ".jsonl.gz", ".csv.gz", ".tsv")
MISSING = frozenset({"nan", "none", "null", "na", "n/a", "<na>"})
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read(path: Path, id_column: str = ID, report_column: str = REPORT) -> dict[str, str]:
    """Read reports by id, as written.

    Parameters
    ----------
    path : Path
        A file, or the folder of `radscribe batch`. The name's ending says the format. Any other ending is CSV
        in UTF-8; a byte order mark and line breaks within quotes are allowed.
    id_column, report_column : str
        Columns of the study's id and of the report (default: "id" and "report"). Others are ignored.

    Returns
    -------
    dict
        Study id to report. A study whose report is missing (empty, NaN, null, NA) is not in it.

    Raises
    ------
    DataError
        The file cannot be read, is of another format, lacks a column, or gives an id twice or an empty one.
    """
    if batch := is_batch(path):
        report_column = TEXT if report_column == REPORT else report_column
    columns = (id_column, report_column)
    is_record = batch or path.name.lower().endswith(RECORDS)
    rows = _records(path, *columns) if is_record else _rows(path, *columns)
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    for place, name, report in rows:
        if not name:
            raise DataError(
                f"{place}: has no id", subject=path, remedy="give every caption the id of its study"
            )
        if name in first:
            raise DataError(
                f"{place}: id '{name}' is already in {first[name]}",
                subject=path,
                remedy="keep one caption per study",
            )
        first[name] = place
        if report.strip().lower() not in MISSING:
            found[name] = report
    if not found:
        raise DataError("holds no caption", subject=path, remedy="write one row per study")
    return found


def _records(path: Path, id_column: str, report_column: str) -> Iterator[tuple[str, str, str]]:
    """Place, id and report of each row of a table that is not CSV."""
    for place, row in records(path):
        for column in (id_column, report_column):
            if column not in row:
                raise DataError(
                    f"{place}: has no '{column}', only {', '.join(map(str, row))}"[:200],
                    subject=path,
                    remedy="name the columns with --id-column and --report-column",
                )
        report = row[report_column]
        if report is not None and not isinstance(report, str):
            raise DataError(
                f"{place}: '{report_column}' is not text", subject=path, remedy="give another column"
            )
        yield place, id_of(row[id_column]), "nan" if report is None else report


def align(
    predictions: Mapping[str, str],
    ids: Sequence[str],
    source: Path | str,
    known: frozenset[str] = frozenset(),
    missing: Missing = "error",
    extra: Extra = "error",
) -> list[str]:
    """Return captions in the order of `ids`.

    Parameters
    ----------
    predictions : mapping
        Study id to caption.
    ids : sequence of str
        The scored studies.
    source : Path or str
        What errors name.
    known : frozenset of str
        Ids of studies of the part that are not scored, because they have no reference text.
    missing : {"error", "empty"}
        "empty" scores a study without a caption as one with an empty caption.
    extra : {"error", "ignore"}
        "ignore" leaves out captions of other studies.

    Raises
    ------
    DataError
        A study has no caption or a caption has no study, and the options do not allow it.
    """
    wanted = set(ids)
    written = {id_of(name): name for name in (*known, *ids)}
    predictions = {
        name if name in wanted | known else written.get(name, name): text
        for name, text in predictions.items()
    }
    if (unknown := [name for name in predictions if name not in wanted | known]) and extra == "error":
        raise DataError(
            f"{len(unknown)} ids belong to no study of this part: {_first_names(unknown)}",
            subject=source,
            remedy="check --split, or leave them out with --extra ignore",
        )
    if (lacking := [name for name in ids if name not in predictions]) and missing == "error":
        raise DataError(
            f"{len(lacking)} of {len(ids)} studies have no caption: {_first_names(lacking)}",
            subject=source,
            remedy="caption them, or score them as empty with --missing empty",
        )
    if len(lacking) == len(ids):
        raise DataError("has a caption for no study of this part", subject=source, remedy="check the ids")
    return [predictions.get(name, "") for name in ids]


def _rows(path: Path, id_column: str, report_column: str) -> Iterator[tuple[str, str, str]]:
    """Place, id and report of each row of a CSV file."""
    text = _text(path)
    csv.field_size_limit(LARGEST)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        places = [_column(path, header, name) for name in (id_column, report_column)]
        line = reader.line_num + 1
        for row in reader:
            if row:  # a blank line is none
                if len(row) != len(header):
                    raise DataError(
                        f"line {line}: has {len(row)} fields and the header {len(header)}",
                        subject=path,
                        remedy="put reports with commas or line breaks in double quotes",
                    )
                yield f"line {line}", id_of(row[places[0]]), row[places[1]]
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"line {reader.line_num}: is no CSV ({error})",
            subject=path,
            remedy="close every double quote, and double those within a report",
        ) from error


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", subject=path, remedy="check the path") from error
    refuse_other_files(data[:16], path)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError("is in UTF-16", subject=path, remedy="save it as CSV in UTF-8")
    if not data.strip():
        raise DataError("is empty", subject=path, remedy="write a header 'id,report' and a row per study")
    if b"\0" in data:
        raise DataError("holds zero bytes and is not text", subject=path, remedy="save it as CSV in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"line {line}: is not UTF-8", subject=path, remedy="save it as CSV in UTF-8"
        ) from error


def _column(path: Path, header: list[str], name: str) -> int:
    """The place of a column.

    Raises
    ------
    DataError
        The column is missing or occurs twice. The error says so if another separator is used.
    """
    if header.count(name) == 1:
        return header.index(name)
    if header.count(name) > 1:
        raise DataError(f"has two columns '{name}'", subject=path, remedy="rename one of them")
    line = ",".join(header)
    for sign, called in _OTHER_DELIMITERS.items():
        if name in (part.strip(' "') for part in line.split(sign)):
            raise DataError(f"separates columns by {called}", subject=path, remedy="separate them by commas")
    if line[:1] in ("{", "["):
        raise DataError("is JSON", subject=path, remedy="let its name end in .json or .jsonl")
    shown = line if len(line) <= 60 else line[:60] + "…"
    raise DataError(
        f"has no column '{name}' in its header: {shown}",
        subject=path,
        remedy="name the columns 'id' and 'report', or give --id-column and --report-column",
    )


def _first_names(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def read_probabilities(
    path: Path, ids: Sequence[str], id_column: str = ID, also: Collection[str] = ()
) -> tuple[tuple[str, ...], Floats]:
    """Read probabilities from CSV, JSON Lines, JSON or Parquet.

    Parameters
    ----------
    path : Path
        The table. Spaces and underscores in the names of findings are the same; case does not matter.
    ids : sequence of str
        N studies, in the order of the result.
    id_column : str
        Column of the study's id (default: "id").
    also : collection of str
        Names of findings besides those that radscribe knows, such as those of the dataset's labels.

    Returns
    -------
    findings : tuple of str
        F names.
    probabilities : ndarray
        `[N, F]`; NaN for a missing value or study.

    Raises
    ------
    DataError
        The file cannot be read, has no such columns or no study of this part, gives an id twice, or holds a
        value that is not a probability.
    """
    known = {_key(name): name for name in (*CHESTXRAY14, *LABELS, *also)}
    columns: dict[str, str] = {}
    found: dict[str, list[float]] = {}
    for place, row in records(path):
        if not found:
            columns = {known[_key(name)]: name for name in row if name and _key(str(name)) in known}
            if id_column not in row or not columns:
                raise DataError(
                    f"has no column '{id_column}' together with columns named as findings",
                    subject=path,
                    remedy=f"name them {CHESTXRAY14[0]}, {CHESTXRAY14[1]}, … or give --id-column",
                )
        name = id_of(row.get(id_column))
        if name in found:
            raise DataError(f"{place}: id '{name}' is there twice", subject=path, remedy="keep one row")
        found[name] = [_probability(path, place, row.get(column)) for column in columns.values()]
    values: Floats = np.array(
        [found.get(name) or found.get(id_of(name)) or [math.nan] * len(columns) for name in ids],
        dtype=np.float64,
    ).reshape(len(ids), len(columns))
    if not values.size or np.isnan(values).all():
        raise DataError("has no probabilities of studies of this part", subject=path, remedy="check the ids")
    return tuple(columns), values


def _key(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _probability(path: Path, place: str, cell: Any) -> float:
    if cell is None or cell == "":
        return math.nan
    try:
        value = float(cell)
    except (TypeError, ValueError):
        value = -1.0
    if not math.isnan(value) and not 0 <= value <= 1:
        raise DataError(
            f"{place}: '{cell}' is not a probability", subject=path, remedy="give numbers from 0 to 1"
        )
    return value
