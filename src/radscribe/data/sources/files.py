"""Tables, lists and texts of a download. If one is missing, the error names it and says where to get it."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from radscribe.errors import DataError
from radscribe.text.report import Report
from radscribe.text.sections import read_sections

Row = dict[str, str]
MISSING = frozenset(  # in any case
    (
        "",
        "nan",
        "none",
        "na",
        "n/a",
        "#n/a",
        "null",
        "<na>",
        "nat",
        "-nan",
        "\\n",
        "-",
        "--",
        "---",
        "?",
        ".",
        "missing",
    )
) | {"unknown", "not available"}
_LONGEST = 16  # characters of a cell that may be a missing value
_OTHER_FILES = (
    (b"PK\x03\x04", "a spreadsheet or zip archive"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet or document of an old Office"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
)
_WHOLE = re.compile(r"(\d{1,17})\.0{1,6}")
_MORE = "\0"  # the column of cells beyond the last one
FIELD = 1 << 24  # characters: longer than any report, but a quotation mark that is never closed ends


def is_missing(cell: str, column: str = "") -> bool:
    """Whether a cell is one of the usual ways to write that there is no value.

    In a column called "comparison", "none" is a value: the radiologist had no earlier image.
    """
    if len(cell) >= _LONGEST:
        return False
    word = cell.strip().lower()
    return word in MISSING and not (word == "none" and column.strip().lower() == "comparison")


def id_of(value: object) -> str:
    """An id as text. 7.0 and "7.0", which pandas writes if another id is missing, are "7"."""
    text = "" if value is None else str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def refuse_other_files(head: bytes, subject: Path | str) -> None:
    """Refuse a file that is no text by its first bytes.

    Raises
    ------
    DataError
        The file is a spreadsheet, a PDF, an image or compressed.
    """
    kind = next((kind for magic, kind in _OTHER_FILES if head.startswith(magic)), None)
    if kind:
        raise DataError(f"is {kind}", subject=subject, remedy="save it as CSV in UTF-8")


def require(src: Path, *names: str, origin: str) -> Path:
    """Return the first of several files or folders of a download that exists.

    Parameters
    ----------
    src : Path
        The download's folder.
    names : str
        Names to look for, the preferred one first.
    origin : str
        Where to get it.

    Raises
    ------
    DataError
        None of them exists.
    """
    for name in names:
        if (src / name).exists():
            return src / name
    told = names[0] if len(names) == 1 else f"{names[0]} (or {', '.join(names[1:])})"
    raise DataError(f"{told} is missing from the download", subject=src, remedy=f"get it from {origin}")


def rows(
    path: Path, columns: Sequence[str] = (), delimiter: str = ",", encoding: str = "utf-8-sig"
) -> Iterator[Row]:
    """Read the rows of a CSV file, gzipped if its name ends in `.gz`. A missing value is an empty cell.

    Raises
    ------
    DataError
        The file cannot be read, or lacks one of `columns`.
    """
    for _, row in numbered_rows(path, columns, delimiter, encoding):
        yield row


def is_utf_16(path: Path) -> bool:
    """Return whether a file, which may be compressed, begins with the byte order mark of UTF-16."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            return bytes(file.read(2)) in (b"\xff\xfe", b"\xfe\xff")
    except (OSError, EOFError, zlib.error):
        return False  # reading it says what is wrong


def numbered_rows(
    path: Path,
    columns: Sequence[str] = (),
    delimiter: str = ",",
    encoding: str = "utf-8-sig",
    header: Sequence[str] | None = None,
    quoted: bool = True,
) -> Iterator[tuple[int, Row]]:
    """Read rows as `rows` does, with the number of the line that each ends on.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str
        Columns that must be there.
    delimiter, encoding : str
        Of the file. UTF-16 is recognised by its byte order mark.
    header : sequence of str, optional
        Names of the columns, if the first line does not name them.
    quoted : bool
        Whether quotation marks around a cell are not part of it.
    """
    csv.field_size_limit(FIELD)
    line = 0
    if encoding == "utf-8-sig" and is_utf_16(path):
        encoding = "utf-16"
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding=encoding, newline="") as file:
            quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
            reader = csv.DictReader(
                file, header, restkey=_MORE, restval="", delimiter=delimiter, quoting=quoting
            )
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"has no column '{missing[0]}', only {', '.join(reader.fieldnames or ['nothing'])}"[:300],
                    subject=path,
                    remedy="check that it is the right file",
                )
            _require_different(path, reader.fieldnames or ())
            for row in reader:
                line = reader.line_num
                row.pop("", None)  # a column without a name, such as an index
                if any(cell and not cell.isspace() for cell in row.pop(_MORE, ())):
                    raise DataError(
                        f"line {line} has more cells than the {len(row)} columns",
                        subject=path,
                        remedy="put quotation marks around a text that holds the separator",
                    )
                yield line, {column: "" if is_missing(cell, column) else cell for column, cell in row.items()}
    except UnicodeDecodeError as error:
        raise DataError(
            f"is not {encoding.upper().removesuffix('-SIG')} text near line {line + 1} ({error.reason})",
            subject=path,
            remedy="save it as UTF-8; prepare table also takes --set encoding=cp1252",
        ) from error
    except (OSError, EOFError, zlib.error, csv.Error, LookupError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"cannot be read near line {line + 1}: {reason}", subject=path, remedy="download it again"
        ) from error


def _require_different(path: Path, columns: Sequence[str]) -> None:
    for name, count in Counter(columns).items():
        if name and count > 1:
            raise DataError(
                f"has {count} columns called '{name}'", subject=path, remedy="rename or delete one of them"
            )


def without_suffix(path: str) -> str:
    """Return the path of an image as an id. A dot in a folder's name does not start a suffix."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)


def text(path: Path) -> str:
    """Read a small text file, as Latin-1 if it is not UTF-8.

    Raises
    ------
    DataError
        The file cannot be read.
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
    """Read the lines of a list of names, without empty ones."""
    return [line for line in map(str.strip, text(path).splitlines()) if line]


class ReportTexts:
    """Reads whole reports by section, and counts what has no place in them."""

    def __init__(self) -> None:
        self._unknown: Counter[str] = Counter()

    def read(self, text: str) -> Report:
        """Return a report by section."""
        found = read_sections(text)
        self._unknown.update(found.unknown)
        return found.report

    def notes(self) -> list[str]:
        """Return a remark on text that was left out, if there was any."""
        if not self._unknown:
            return []
        often = ", ".join(f"{heading} ({count:,})" for heading, count in self._unknown.most_common(3))
        total = self._unknown.total()
        return [f"text under {total:,} unknown headings is in no section, such as {often}"]
