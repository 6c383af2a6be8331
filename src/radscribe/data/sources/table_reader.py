"""One table of the source `table`: what its columns mean, and its rows as studies."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

from radscribe.data.image_files import ImageFiles, image_size
from radscribe.data.imagefolder import NAMES
from radscribe.data.sources.files import ReportTexts, id_of, is_missing, without_suffix
from radscribe.data.sources.finding_lists import FindingLists, finding_of, read_boxes, split_list
from radscribe.data.sources.source import ImageSettings, Job
from radscribe.data.study import Box, ImageRef, Split, Study
from radscribe.data.tables import Record, records
from radscribe.errors import DataError, UsageError
from radscribe.imaging.radiograph import View
from radscribe.text.report import Report

Section = Literal["findings", "impression", "indication", "comparison", "report"]
IMAGE_NAMES = (
    "image", "image_path", "file_name", "filename", "path", "imageid", "image_id", "image index", "dicom_id",
    "name", "id",
)  # fmt: skip
TEXT_NAMES = ("text", "report", "caption", "findings")
PATIENT_NAMES = ("patient_id", "patientid", "patient id", "patient", "subject_id")
VIEW_NAMES = ("view", "viewposition", "view position", "view_position", "projection", "frontal/lateral")
SIDE_NAMES = ("ap/pa",)
VALUES: dict[str, float | None] = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "y", "present", "positive", "pos"), 1.0),
    **dict.fromkeys(("0", "0.0", "false", "no", "n", "absent", "negative", "neg"), 0.0),
    **dict.fromkeys(("-1", "-1.0", "uncertain", "doubtful"), None),
}
# Patient and study in the paths of CheXpert, BRAX and MIMIC-CXR, the patient in the file names of NIH.
_IN_PATHS = (
    re.compile(r"(?:^|/)(?P<patient>patient[_-]?\d+)/(?P<study>study[_-]?\d+)/", re.I),
    re.compile(r"(?:^|/)(?P<patient>id_[0-9a-f-]+)/(?P<study>study_[\d.]+)/", re.I),
    re.compile(r"(?:^|/)(?P<patient>p\d{8})/(?P<study>s\d{8})/"),
    re.compile(r"(?:^|/)(?P<patient>\d{8})_\d{3}(?:\.\w+)*$"),
)
BOX_COLUMNS = 5  # finding and four edges
BEYOND = 0.02  # share of the image by which a careless box may leave it
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")


class Settings(ImageSettings, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    image: Annotated[str, Meta(description="Column of the image path, such as image or Path.")] = ""
    text: Annotated[str, Meta(description=f"Column of the text; else {', '.join(TEXT_NAMES)}.")] = ""
    section: Annotated[
        Section, Meta(description="Section that the text is; report: it has its own headings.")
    ] = "findings"
    impression: Annotated[str, Meta(description="Column of the impression, besides the text.")] = ""
    indication: Annotated[str, Meta(description="Column of the indication.")] = ""
    study: Annotated[str, Meta(description="Column of the study; its rows are joined.")] = ""
    patient: Annotated[str, Meta(description="Column of the patient.")] = ""
    prior: Annotated[str, Meta(description="Column of the id of the patient's earlier study.")] = ""
    split: Annotated[str, Meta(description="Column of the part: train, val (validation) or test.")] = ""
    view: Annotated[str, Meta(description="Column of the view: PA, AP, frontal or lateral.")] = ""
    labels: Annotated[str, Meta(description="Columns of findings, separated by commas.")] = ""
    findings: Annotated[str, Meta(description="Column that lists the findings that are present.")] = ""
    boxes: Annotated[
        str, Meta(description='Column of boxes, as JSON: [["Mass", [x, y, width, height]]], in shares.')
    ] = ""
    box: Annotated[
        str,
        Meta(
            description="Columns of a table with one box per row: the finding, then the left, top, right and "
            "bottom edge in pixels. Rows of an image are joined."
        ),
    ] = ""
    unnamed: Annotated[
        Literal["absent", "unknown"], Meta(description="What findings are that the list does not name.")
    ] = "absent"
    unknown: Annotated[
        Literal["error", "keep"], Meta(description="Unknown finding names: an error, or labels of their own.")
    ] = "error"
    separator: Annotated[str, Meta(description="What separates several paths in one cell.")] = ""
    columns: Annotated[str, Meta(description="Names for the columns of a table without a header.")] = ""
    delimiter: Annotated[str, Meta(description="What separates cells; found out unless given.")] = ""
    encoding: Annotated[str, Meta(description="Encoding of a text file.")] = "utf-8-sig"
    quoted: Annotated[bool, Meta(description="no: quotation marks belong to the text.")] = True
    train: Annotated[str, Meta(description="Table of the training part.")] = ""
    val: Annotated[str, Meta(description="Table of the validation part.")] = ""
    test: Annotated[str, Meta(description="Table of the test part.")] = ""
    licence: Annotated[str, Meta(description="The dataset's licence, for the header.")] = ""
    citation: Annotated[str, Meta(description="The publication to cite, for the header.")] = ""


def view_of(text: str) -> View:
    """The view that a table's words mean."""
    words = set(re.split(r"[\W_]+", text.strip().lower()))
    lateral, frontal = words & {"lateral", "lat", "l", "ll", "rl"}, words & {"pa", "ap", "frontal"}
    if lateral:
        return "unknown" if frontal else "lateral"
    if words & {"pa", "posteroanterior"}:
        return "PA"
    if words & {"ap", "anteroposterior"}:
        return "AP"
    return "frontal" if "frontal" in words else "unknown"


def _folders(part: Split | None) -> list[str]:
    """Names for the folder of a part."""
    return [name for name, meaning in NAMES.items() if meaning == part] or [""]


class TableReader:
    """Reads one table.

    Attributes
    ----------
    place : str
        Where the latest row is, for messages.
    groups : bool
        Whether the latest row is to be joined with others of its study.
    """

    def __init__(self, path: Path, root: Path, part: Split | None, settings: Settings, job: Job) -> None:
        self._path, self._root, self._part, self._parts = path, root, part, job.parts
        self._settings, self.place, self.groups = settings, "", False
        self._folder, self._files = self._find_folder(settings.images)
        self._box = [name.strip() for name in settings.box.split(",") if name.strip()]
        if self._box and len(self._box) != BOX_COLUMNS:
            raise UsageError(
                f"--set box={settings.box}: names {len(self._box)} columns, not {BOX_COLUMNS}",
                remedy="give box=class_name,x_min,y_min,x_max,y_max",
            )
        self._size: tuple[str, tuple[int, int]] | None = None  # of the latest image with a box
        self._labels = [name.strip() for name in settings.labels.split(",") if name.strip()]
        self._texts = ReportTexts()
        self._lists = FindingLists(settings.unnamed, settings.unknown)
        self._ids: Counter[str] = Counter()  # what ids come from
        self._views: Counter[str] = Counter()  # views that are not known

    def _find_folder(self, images: str) -> tuple[str, ImageFiles]:
        """The folder that relative paths start from, below the root, and the files in it."""
        names = [images.replace("{part}", name) for name in _folders(self._part)] if images else [""]
        beside = [self._path.parent / name for name in names]
        places = [*beside, *(Path(name) for name in names if images)]
        found = next((place for place in places if place.is_dir()), beside[0])
        folder = PurePosixPath(os.path.relpath(found, self._root)).as_posix()
        if folder.startswith(".."):
            raise DataError(
                f"is not below {self._root}, from which images={images} starts",
                subject=self._path,
                remedy="keep the tables in one folder, or give an absolute images=DIR",
            )
        return folder, ImageFiles(self._root, [folder], deep=bool(images))

    def studies(self) -> Iterator[Study]:
        """One study per row."""
        s = self._settings
        names = s.columns.split(",") if s.columns else None
        for place, row in records(self._path, s.delimiter, s.encoding, names, s.quoted):
            self.place = place
            image = s.image or self._guess(row, IMAGE_NAMES)
            if not image:
                raise UsageError(
                    f"which column is the image? There are {', '.join(map(str, row))}"[:300],
                    subject=self._path,
                    remedy="give --set image=COLUMN",
                )
            cells = self._cells(row, image)
            if not cells:
                raise self.wrong(f"column '{image}' is empty")
            paths = [self._image(cell) for cell in cells]
            patient, study_id = self._patient_and_study(row, cells[0], paths[0])
            self.groups = self.groups or bool(self._box)
            view, boxes = self._view(row), self._boxes(row, paths[0])
            yield Study(
                study_id,
                tuple(ImageRef(path, view, boxes=boxes) for path in paths),
                patient,
                self._report(row),
                self._findings(row),
                self._split(row, patient or study_id),
                prior=(id_of(self._cell(row, s.prior)) or None) if s.prior else None,
            )
        if self._lists.strange and s.unknown == "error":
            raise DataError(
                f"unknown finding names: {self._lists.problem()}",
                subject=self._path,
                remedy="correct them, or keep them as labels with --set unknown=keep",
            )

    def notes(self) -> list[str]:
        """Remarks on the table, when it has been read."""
        found = [f"{self._path.name}: {source}" for source in self._ids]
        if self._lists.strange:
            found.append(f"{self._path.name}: kept unknown finding names: {self._lists.problem()}")
        for word, count in self._views.most_common(3):
            found.append(f"{self._path.name}: {count:,} rows have the view '{word}', which is not known")
        return found + [f"{self._path.name}: {note}" for note in self._texts.notes()]

    def wrong(self, problem: str, remedy: str = "correct that row") -> DataError:
        """An error that names the row."""
        return DataError(f"{self.place}: {problem}", subject=self._path, remedy=remedy)

    def _guess(self, row: Record, names: Sequence[str]) -> str:
        """The column that is called as one of these, in any case."""
        by_name = {str(column).strip().lower(): column for column in row}
        return str(next((by_name[name] for name in names if name in by_name), ""))

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
            raise self.wrong(f"column '{column}' does not hold text")
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # an id that a missing value elsewhere turned into a float
        text = "" if value is None else str(value).strip()
        return "" if is_missing(text, column) else text

    def _cells(self, row: Record, column: str) -> list[str]:
        value = self._value(row, column)
        if isinstance(value, list):
            return [str(item) for item in value]
        cell, separator = self._cell(row, column), self._settings.separator
        if separator:
            return [part.strip() for part in cell.split(separator) if part.strip()]
        return split_list(cell) if cell.startswith("[") and cell.endswith("]") else [cell] if cell else []

    def _image(self, cell: str) -> str:
        """The path of an image: from the root if it is below, else absolute."""
        given = cell.strip().replace("\\", "/")
        if _ABSOLUTE.match(given) and Path(given).exists():
            return self._from_root(Path(given))
        if ".." in PurePosixPath(given).parts:
            return self._from_root(Path(os.path.normpath(self._root / self._folder / given)))
        plain = PurePosixPath(given).as_posix()
        # CheXpert's paths start with the name of the folder that its tables lie in.
        for name in (plain, plain.partition("/")[2]):
            if name and not _ABSOLUTE.match(name) and (found := self._files.find(name)):
                return found
        if _ABSOLUTE.match(plain):
            return self._files.find(plain.rpartition("/")[2]) or self._from_root(Path(plain))
        return plain if self._folder == "." else f"{self._folder}/{plain}"

    def _from_root(self, path: Path) -> str:
        for root in (self._root, self._root.resolve()):
            if path.is_relative_to(root):
                return path.relative_to(root).as_posix()
        return path.absolute().as_posix()

    def _patient_and_study(self, row: Record, cell: str, path: str) -> tuple[str | None, str]:
        s = self._settings
        known = next((found for scheme in _IN_PATHS if (found := scheme.search(f"/{path}"))), None)
        named = known.groupdict() if known else {}
        column = s.patient or self._guess(row, PATIENT_NAMES)
        patient = id_of(self._cell(row, column)) if column else named.get("patient", "")
        if column and not s.patient:
            self._ids[f"patients are those of column {column}"] += 1
        elif not column and patient:
            self._ids["patients and studies were read from the image paths"] += 1
        study = id_of(self._cell(row, s.study)) if s.study else ""
        if s.study and not study:
            raise self.wrong(f"column '{s.study}' is empty")
        self.groups = bool(study)
        if not study and named.get("study"):
            study, self.groups = f"{named['patient']}/{named['study']}", True
        own = path if not _ABSOLUTE.match(path) else cell
        return patient or None, study or without_suffix(own)

    def _view(self, row: Record) -> View:
        column = self._settings.view or self._guess(row, VIEW_NAMES)
        cell = self._cell(row, column) if column else ""
        view = view_of(cell)
        if view == "frontal" and not self._settings.view and (side := self._guess(row, SIDE_NAMES)):
            view = view_of(self._cell(row, side)) if self._cell(row, side) else view
            view = "frontal" if view == "unknown" else view
        if cell and view == "unknown" and self._settings.view:
            self._views[cell] += 1
        return view

    def _boxes(self, row: Record, path: str) -> tuple[Box, ...]:
        if self._box:
            return self._box_of_row(row, path)
        column = self._settings.boxes
        if not column:
            return ()
        try:
            return read_boxes(self._value(row, column))
        except (ValueError, TypeError, KeyError) as error:
            raise self.wrong(f"column '{column}' does not hold boxes ({error})") from error

    def _box_of_row(self, row: Record, path: str) -> tuple[Box, ...]:
        name, *edges = self._box
        cells = [self._cell(row, edge) for edge in edges]
        if not any(cells):
            return ()  # "No finding"
        try:
            left, top, right, bottom = map(float, cells)
        except ValueError:
            raise self.wrong(f"a box of '{name}' has an edge that is not a number") from None
        width, height = self._size_of(row, path)
        if right > width * (1 + BEYOND) + 1 or bottom > height * (1 + BEYOND) + 1:
            raise self.wrong(
                f"a box of '{name}' ends at {right:g}, {bottom:g}, beyond the image of {width} x {height}"
                " pixels",
                "if the image was made smaller, give its size before that in columns width and height",
            )
        left, right = (min(max(x / width, 0.0), 1.0) for x in (left, right))
        top, bottom = (min(max(y / height, 0.0), 1.0) for y in (top, bottom))
        if not (left < right and top < bottom):
            raise self.wrong(f"a box of '{name}' is empty or outside the image of {width} x {height} pixels")
        finding = self._cell(row, name)
        known = finding_of(finding) or finding.replace(" ", "_")
        return (Box(known, left, top, right - left, bottom - top),)

    def _size_of(self, row: Record, path: str) -> tuple[int, int]:
        """Width and height of an image: from columns of that name, else from the file."""
        columns = [self._guess(row, (side,)) for side in ("width", "height")]
        if all(columns) and all(cells := [self._cell(row, column) for column in columns]):
            return int(float(cells[0])), int(float(cells[1]))
        if self._size is None or self._size[0] != path:
            try:
                size = image_size(self._root / path)
            except OSError:
                size = None
            if size is None:
                raise self.wrong(
                    f"the size of {path}, which has a box, is not known",
                    "get the image, or give its size in columns width and height",
                )
            self._size = path, size
        return self._size[1]

    def _report(self, row: Record) -> Report | None:
        s = self._settings
        column = s.text or self._guess(row, TEXT_NAMES)
        if column == s.findings and not s.text:
            column = ""  # it lists findings and is not a text
        words = self._cell(row, column) if column else ""
        if s.section == "report":
            return self._texts.read(words) if words else None
        texts = {name: words if name == s.section else "" for name in get_args(Section)}
        for name, given in (("impression", s.impression), ("indication", s.indication), ("comparison", "")):
            other = given or self._guess(row, (name,))
            if other and other != column and name != s.section:
                texts[name] = self._cell(row, other)
        report = Report(texts["indication"], texts["comparison"], texts["findings"], texts["impression"])
        return None if report == Report() else report

    def _findings(self, row: Record) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        if column := self._settings.findings or (self._box[0] if self._box else ""):
            value = self._value(row, column)
            found |= self._lists.labels(
                value if isinstance(value, (list, dict)) else self._cell(row, column), self.place
            )
        for name in self._labels:
            cell = self._cell(row, name).lower()
            if not cell:
                continue
            if cell not in VALUES:
                raise self.wrong(f"label {name} is '{cell}', not 1, 0, -1 or empty")
            found[finding_of(name) or name.replace(" ", "_")] = VALUES[cell]
        return found

    def _split(self, row: Record, key: str) -> Split | None:
        if self._part:
            return self._part
        if not self._settings.split:
            return self._parts.of(key)
        cell = self._cell(row, self._settings.split).lower()
        if cell and cell not in NAMES:
            raise self.wrong(f"'{cell}' is not a part: train, val or test")
        return NAMES[cell] if cell else None
