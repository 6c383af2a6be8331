"""The files of a download: what is missing is said by name, with where one gets it."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from radscribe.errors import DataError

Row = dict[str, str]
MISSING = frozenset(("", "nan", "none", "na", "n/a", "#n/a", "null", "<na>", "nat"))  # in any case
_LONGEST = 12  # characters of a cell that may be a missing value
FIELD = 1 << 24  # characters: longer than any report, and an end to a quotation mark that is never closed


def is_missing(cell: str) -> bool:
    """Whether a cell is one of the usual ways to write that there is no value."""
    return len(cell) < _LONGEST and cell.strip().lower() in MISSING


def require(src: Path, *names: str, origin: str) -> Path:
    """The first of several files or folders of a download that is there.

    Raises
    ------
    DataError : none is; `origin` says where one gets it.
    """
    for name in names:
        if (src / name).exists():
            return src / name
    told = names[0] if len(names) == 1 else f"{names[0]} (or {', '.join(names[1:])})"
    raise DataError(f"{told} is missing from the download", subject=src, remedy=f"get it from {origin}")


def rows(
    path: Path, columns: Sequence[str] = (), delimiter: str = ",", encoding: str = "utf-8-sig"
) -> Iterator[Row]:
    """The rows of a CSV file (gzipped where its name ends in `.gz`); a cell that is missing is empty.

    Raises
    ------
    DataError : the file cannot be read, or lacks one of `columns`.
    """
    for _, row in numbered_rows(path, columns, delimiter, encoding):
        yield row


def numbered_rows(
    path: Path,
    columns: Sequence[str] = (),
    delimiter: str = ",",
    encoding: str = "utf-8-sig",
    header: Sequence[str] | None = None,
    quoted: bool = True,
) -> Iterator[tuple[int, Row]]:
    """`rows` with the number of the line that each ends on.

    Parameters
    ----------
    header : names of the columns of a file whose first line does not name them.
    quoted : whether quotation marks around a cell are no part of it.
    """
    csv.field_size_limit(FIELD)
    line = 0
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding=encoding, newline="") as file:
            quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
            reader = csv.DictReader(
                file, header, restkey="", restval="", delimiter=delimiter, quoting=quoting
            )
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"has no column '{missing[0]}', only {', '.join(reader.fieldnames or ['nothing'])}"[:300],
                    subject=path,
                    remedy="check that it is the right file",
                )
            for row in reader:
                line = reader.line_num
                row.pop("", None)  # cells beyond the last column
                yield line, {column: "" if is_missing(cell) else cell for column, cell in row.items()}
    except UnicodeDecodeError as error:
        raise DataError(
            f"is not {encoding} text near line {line + 1} ({error.reason})",
            subject=path,
            remedy="save it as UTF-8",
        ) from error
    except (OSError, EOFError, zlib.error, csv.Error, LookupError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"cannot be read near line {line + 1}: {reason}", subject=path, remedy="download it again"
        ) from error


def without_suffix(path: str) -> str:
    """The path of an image as an id; a dot in a folder's name is no suffix."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)


def text(path: Path) -> str:
    """A small text file.

    Raises
    ------
    DataError : it cannot be read; what is not UTF-8 is taken as Latin-1.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", subject=path, remedy="download it again"
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def lines(path: Path) -> list[str]:
    """The lines of a list of names, stripped; empty ones are left out."""
    return [line for line in map(str.strip, text(path).splitlines()) if line]
