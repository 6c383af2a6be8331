"""One table of the source `table`: what its columns mean, and its rows as studies."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from radscribe.data.image_names import SUFFIXES
from radscribe.data.imagefolder import NAMES
from radscribe.data.sources.files import without_suffix
from radscribe.data.sources.records import Record, records
from radscribe.data.splits import Parts
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import DataError, UsageError
from radscribe.imaging.radiograph import View
from radscribe.labels import CHESTXRAY14
from radscribe.text.report import Report

Section = Literal["indication", "comparison", "findings", "impression"]
IMAGE_NAMES = ("image", "image_path", "file_name", "filename", "path", "name", "id", "ID")
TEXT_NAMES = ("text", "report", "caption", "Caption", "findings")
VIEWS: dict[str, View] = {
    "pa": "PA", "ap": "AP", "frontal": "frontal", "lateral": "lateral", "l": "lateral", "ll": "lateral",
}  # fmt: skip
VALUES: dict[str, float | None] = {
    "1": 1.0,
    "1.0": 1.0,
    "true": 1.0,
    "0": 0.0,
    "0.0": 0.0,
    "false": 0.0,
    "-1": None,
    "-1.0": None,
}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `--set` may say."""

    image: Annotated[str, Meta(description=f"column of the path; else one of {', '.join(IMAGE_NAMES)}")] = ""
    text: Annotated[str, Meta(description=f"column of the text; else one of {', '.join(TEXT_NAMES)}")] = ""
    section: Annotated[Section, Meta(description="the report's section that the text is")] = "findings"
    study: Annotated[str, Meta(description="column of the study")] = ""
    patient: Annotated[str, Meta(description="column of the patient")] = ""
    split: Annotated[str, Meta(description="column of the part: train, val (validation) or test")] = ""
    view: Annotated[str, Meta(description="column of the view: PA, AP, frontal or lateral")] = ""
    labels: Annotated[str, Meta(description="columns of findings, with commas")] = ""
    findings: Annotated[str, Meta(description="column that names the present findings, as A|B")] = ""
    images: Annotated[str, Meta(description="folder of the images; {part} is train, val or test")] = ""
    separator: Annotated[str, Meta(description="what parts several paths in one cell")] = ""
    columns: Annotated[str, Meta(description="names for the columns of a table without names")] = ""
    delimiter: Annotated[str, Meta(description="what parts cells; found out unless given")] = ""
    encoding: Annotated[str, Meta(description="of a text file")] = "utf-8-sig"
    quoted: Annotated[bool, Meta(description="no: quotation marks belong to the text")] = True
    train: Annotated[str, Meta(description="table of the training part")] = ""
    val: Annotated[str, Meta(description="table of the validation part")] = ""
    test: Annotated[str, Meta(description="table of the test part")] = ""
    licence: Annotated[str, Meta(description="for the header")] = ""
    citation: Annotated[str, Meta(description="for the header")] = ""


def _folders(part: Split | None) -> list[str]:
    """What a part's folder may be called."""
    return [name for name, meaning in NAMES.items() if meaning == part] or [""]


def _report(section: Section, words: str) -> Report:
    indication, comparison, findings, impression = (words * (name == section) for name in get_args(Section))
    return Report(indication, comparison, findings, impression)


class TableReader:
    """One table."""

    def __init__(self, path: Path, root: Path, part: Split | None, settings: Settings, parts: Parts) -> None:
        self._path, self._root, self._part, self._parts = path, root, part, parts
        self._settings, self._line = settings, 0
        beside = PurePosixPath(os.path.relpath(path.parent, root))
        folders = [(beside / settings.images.replace("{part}", n)).as_posix() for n in _folders(part)]
        self._folder = next((folder for folder in folders if (root / folder).is_dir()), folders[0])
        self._labels = [name for name in settings.labels.split(",") if name]

    def studies(self) -> Iterator[Study]:
        """A study a row."""
        s = self._settings
        names = s.columns.split(",") if s.columns else None
        for line, row in records(self._path, s.delimiter, s.encoding, names, s.quoted):
            self._line = line
            image = s.image or self._guess(row, IMAGE_NAMES, "image")
            text = s.text or next((name for name in TEXT_NAMES if name in row), "")
            paths = [self._image(cell) for cell in self._cells(row, image)]
            if not paths:
                raise self.wrong(f"column '{image}' is empty")
            study_id = self._cell(row, s.study) if s.study else without_suffix(paths[0])
            patient = self._cell(row, s.patient) if s.patient else None
            view = VIEWS.get(self._cell(row, s.view).lower(), "unknown") if s.view else "unknown"
            words = self._cell(row, text).strip() if text else ""
            yield Study(
                study_id,
                tuple(ImageRef(path, view) for path in paths),
                patient or None,
                _report(s.section, words) if words else None,
                self._findings(row),
                self._split(row, patient or study_id),
            )

    def wrong(self, problem: str) -> DataError:
        """An error that names the row."""
        return DataError(f"line {self._line}: {problem}", subject=self._path, remedy="mend that row")

    def _guess(self, row: Record, names: Sequence[str], option: str) -> str:
        for name in names:
            if name in row:
                return name
        raise UsageError(
            f"which column is the {option}? There are {', '.join(map(str, row))}"[:300],
            subject=self._path,
            remedy=f"give --set {option}=COLUMN",
        )

    def _value(self, row: Record, column: str) -> Any:
        if column not in row:
            raise UsageError(
                f"has no column '{column}', only {', '.join(map(str, row))}"[:300],
                subject=self._path,
                remedy="check --set",
            )
        return row[column]

    def _cell(self, row: Record, column: str) -> str:
        value = self._value(row, column)
        if isinstance(value, (dict, list, bytes)):
            raise self.wrong(f"column '{column}' holds no text")
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # ids that a missing value elsewhere made floats of
        return "" if value is None else str(value)

    def _cells(self, row: Record, column: str) -> list[str]:
        value = self._value(row, column)
        if isinstance(value, list):
            return [str(item) for item in value]
        cell, separator = self._cell(row, column), self._settings.separator
        return [part.strip() for part in (cell.split(separator) if separator else [cell]) if part.strip()]

    def _image(self, cell: str) -> str:
        """The path from the root of an image, whose suffix may be missing."""
        given = cell.strip().replace("\\", "/")
        if given.startswith("/"):
            try:
                given = Path(given).relative_to(self._root.resolve()).as_posix()
            except ValueError:
                raise self.wrong(f"image {cell} is not in {self._root}") from None
        else:
            given = f"{self._folder}/{given}"
        path = os.path.normpath(PurePosixPath(given)).replace(os.sep, "/")
        if path.startswith(".."):
            raise self.wrong(f"image {cell} is not in {self._root}")
        if (self._root / path).is_file():
            return path
        # Without its suffix in the table, or saved in another format than the table says.
        stem = without_suffix(path) if path.lower().endswith(SUFFIXES) else path
        return next((stem + end for end in SUFFIXES if (self._root / (stem + end)).is_file()), path)

    def _findings(self, row: Record) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        if column := self._settings.findings:
            present = {name.strip().replace(" ", "_") for name in self._cell(row, column).split("|")}
            present -= {"", "No_Finding"}
            found |= {name: float(name in present) for name in CHESTXRAY14}
            found |= dict.fromkeys(sorted(present), 1.0)
        for name in self._labels:
            cell = self._cell(row, name).strip().lower()
            if cell in ("", "nan"):
                continue
            if cell not in VALUES:
                raise self.wrong(f"label {name} is '{cell}', not 1, 0, -1 or empty")
            found[name.replace(" ", "_")] = VALUES[cell]
        return found

    def _split(self, row: Record, key: str) -> Split | None:
        if self._part:
            return self._part
        if not self._settings.split:
            return self._parts.of(key)
        cell = self._cell(row, self._settings.split).strip().lower()
        if cell and cell not in NAMES:
            raise self.wrong(f"'{cell}' is no part: train, val or test")
        return NAMES[cell] if cell else None
