"""Captions from anyone's CSV file: columns `id` and `report`, others ignored."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from radscribe.errors import DataError

Missing = Literal["error", "empty"]
Extra = Literal["error", "ignore"]
ID, REPORT = "id", "report"
NAMED = 3  # ids that an error's line names
LARGEST = 1 << 20  # characters of one field
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_OTHER_FILES = ((b"PK\x03\x04", "a spreadsheet or zip archive"), (b"\x1f\x8b", "gzip-compressed"))


def read(path: Path) -> dict[str, str]:
    """Reports by id, as written; a byte order mark and line breaks within quotes are read.

    Raises
    ------
    DataError : the file cannot be read, is no CSV of these columns, or gives an id twice or an empty one.
    """
    found: dict[str, str] = {}
    first_line: dict[str, int] = {}
    for line, name, report in _rows(path):
        if not name:
            raise DataError(
                f"line {line}: has no id", subject=path, remedy="give every caption its study's id"
            )
        if name in found:
            raise DataError(
                f"line {line}: id '{name}' stands already in line {first_line[name]}",
                subject=path,
                remedy="keep one caption a study",
            )
        found[name], first_line[name] = report, line
    if not found:
        raise DataError("holds no caption", subject=path, remedy="write a line for each study")
    return found


def align(
    predictions: Mapping[str, str],
    ids: Sequence[str],
    source: Path | str,
    known: frozenset[str] = frozenset(),
    missing: Missing = "error",
    extra: Extra = "error",
) -> list[str]:
    """Captions in the order of `ids`.

    Parameters
    ----------
    known : ids that are of the part but are not scored, since their study has no reference text.
    missing : `empty` scores a study without caption as one that says nothing.
    extra : `ignore` leaves out captions of other studies.

    Raises
    ------
    DataError : a study has no caption, or a caption no study, and the option does not allow it.
    """
    wanted = set(ids)
    if (unknown := [name for name in predictions if name not in wanted | known]) and extra == "error":
        raise DataError(
            f"{len(unknown)} ids are of no study of this part: {_some(unknown)}",
            subject=source,
            remedy="check --split, or leave them out with --extra ignore",
        )
    if (lacking := [name for name in ids if name not in predictions]) and missing == "error":
        raise DataError(
            f"{len(lacking)} of {len(ids)} studies have no caption: {_some(lacking)}",
            subject=source,
            remedy="caption them, or score them as empty with --missing empty",
        )
    if len(lacking) == len(ids):
        raise DataError("has a caption for no study of this part", subject=source, remedy="check the ids")
    return [predictions.get(name, "") for name in ids]


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, id and report of each row."""
    text = _text(path)
    csv.field_size_limit(LARGEST)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        places = {name: _column(path, header, name) for name in (ID, REPORT)}
        line = reader.line_num + 1
        for row in reader:
            if row:  # a blank line is none
                if len(row) != len(header):
                    raise DataError(
                        f"line {line}: has {len(row)} fields and the header {len(header)}",
                        subject=path,
                        remedy="put reports with commas or line breaks in double quotes",
                    )
                yield line, row[places[ID]].strip(), row[places[REPORT]]
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
    for magic, kind in _OTHER_FILES:
        if data.startswith(magic):
            raise DataError(f"is {kind}", subject=path, remedy="save it as CSV in UTF-8")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError("is in UTF-16", subject=path, remedy="save it as CSV in UTF-8")
    if not data.strip():
        raise DataError("is empty", subject=path, remedy="write a header 'id,report' and a line a study")
    if b"\0" in data:
        raise DataError("holds zero bytes and is no text", subject=path, remedy="save it as CSV in UTF-8")
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
    DataError : it is missing or there twice; where another sign separates the columns, that is said.
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
        raise DataError("is JSON", subject=path, remedy="write CSV with the columns 'id' and 'report'")
    shown = line if len(line) <= 60 else line[:60] + "…"
    raise DataError(
        f"has no column '{name}' in its header: {shown}",
        subject=path,
        remedy="name the columns 'id' and 'report'",
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
