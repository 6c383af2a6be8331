"""From paths to studies: which files are images, and which images belong together.

One image is one study, unless something says otherwise: a StudyInstanceUID in DICOM, a naming scheme of a
published collection, or the user.
"""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radscribe.data.image_files import image_key
from radscribe.errors import RadscribeWarning
from radscribe.imaging.header import IMAGE_SUFFIXES, Header, read_header
from radscribe.inference.inputs import Source, StudyInput, Unread, as_study
from radscribe.inference.patients import Patient, by_patient, listed

# Why a file in a folder is skipped: one of them, several of them.
HIDDEN = ("hidden file", "hidden files")
SYSTEM = ("system file", "system files")
DIRECTORY = ("DICOMDIR", "DICOMDIR files")
NO_PIXELS = ("DICOM object that is not an image", "DICOM objects that are not images")
OTHER = ("file that is not an image", "files that are not images")
SKIPPED_KINDS = (HIDDEN, SYSTEM, DIRECTORY, NO_PIXELS, OTHER)

_SYSTEM_NAMES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "icon\r"})
_APPLE_DOUBLE = b"\x00\x05\x16\x07"
_DICOMDIR = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage (PS3.10 8.6)
# SOP classes with pixels that are not pictures of a patient: segmentation, parametric map, dose.
_NOT_PICTURES = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.30",
    "1.2.840.10008.5.1.4.1.1.481.2",
)

# Naming schemes of published collections. A name is tried against `image_key`, which drops suffixes.
_IU = re.compile(r"^(?P<study>\d+)_im-\d+")  # 1000_IM-0003-1001, CXR1000_IM-0003-1001
_R2GEN_FOLDER = re.compile(r"^cxr\d+(?:_\d+)?_im-\d+(?:-\d+)?$", re.I)  # CXR1_1_IM-0001/0.png
_MIMIC_FOLDER = re.compile(r"^s\d{8}$")  # p10/p10000032/s50414267/*.jpg
_MIMIC_PATIENT = re.compile(r"^p\d{8}$")
_CHEXPERT_FOLDER = re.compile(r"^study\d+$")  # patient00001/study1/view1_frontal.jpg
_CHEXPERT_PATIENT = re.compile(r"^patient\d+$")


@dataclass(slots=True)
class Grouping:
    """The studies of some paths.

    Attributes
    ----------
    studies : list of StudyInput
        In the order of their first file.
    skipped : Counter
        How many files in folders are not images, by kind; a kind is its name in the singular and the plural.
    """

    studies: list[StudyInput] = field(default_factory=list)
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)

    def describe_skipped(self) -> str | None:
        """One line about the files that were skipped; None if there are none."""
        if not self.skipped:
            return None
        kinds = [f"{n} {kind[n != 1]}" for kind in SKIPPED_KINDS if (n := self.skipped[kind])]
        total = sum(self.skipped.values())
        return f"skipped {total} file{'s' * (total != 1)} that hold no image: {', '.join(kinds)}"


def group(paths: Iterable[str | os.PathLike[str]], together: bool = False) -> Grouping:
    """Make studies of paths, in the order given.

    Parameters
    ----------
    paths : iterable of paths
        Files, which are always taken as images, and folders, which are searched with all folders
        below them.
    together : bool
        Make one study of all images, as the user says that they belong together. Images of different patients
        are kept apart all the same.

    Returns
    -------
    Grouping
        Each image is in exactly one study. A folder without images is a study that cannot be read.
    """
    grouping = Grouping()
    files: dict[Path, Header] = {}
    empty: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            files.setdefault(path, read_header(path))
            continue
        found = dict(_images_in(path, grouping.skipped))
        for file, header in found.items():
            files.setdefault(file, header)
        if not found:
            empty.append(path)
    keys: dict[str, list[Path]] = {}
    for file, header in files.items():
        keys.setdefault("together" if together else study_key(file, header), []).append(file)
    for key, members in keys.items():
        uid = files[members[0]].study_uid
        name = key if len(members) > 1 or uid else str(members[0])
        if together:
            name = str(members[0].parent) if len(members) > 1 else str(members[0])
        grouping.studies += _one_per_patient(name, members, [files[file] for file in members], uid=bool(uid))
    if not together or not files:
        grouping.studies += [StudyInput(str(path), (path,)) for path in empty]
    return grouping


def _one_per_patient(
    name: str, files: Sequence[Path], headers: Sequence[Header], *, uid: bool
) -> Iterator[StudyInput]:
    patients = [Patient.of(header, file.name) for header, file in zip(headers, files, strict=True)]
    groups = by_patient(files, patients)
    if len(groups) == 1:
        yield StudyInput(name, tuple(files))
        return
    what = f"StudyInstanceUID {name}" if uid else name
    told = (
        f"{what} holds images of {len(groups)} different patients, which are captioned separately: "
        f"{listed([[file.name for file in members] for members in groups])}"
    )
    for number, members in enumerate(groups, 1):
        yield StudyInput(f"{name} (patient {number} of {len(groups)})", tuple(members), (told,))


def study_key(file: Path, header: Header) -> str:
    """The key that files of one study share: StudyInstanceUID, name in a known scheme, or path."""
    if header.study_uid:
        return header.study_uid
    if header.kind == "DICOM":
        return str(file)
    if match := _IU.match(image_key(file.name)):
        return str(file.parent / match["study"])
    folder = file.parent
    if _R2GEN_FOLDER.match(folder.name):
        return str(folder)
    if _MIMIC_FOLDER.match(folder.name) and _MIMIC_PATIENT.match(folder.parent.name):
        return str(folder)
    if _CHEXPERT_FOLDER.match(folder.name) and _CHEXPERT_PATIENT.match(folder.parent.name):
        return str(folder)
    return str(file)


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder and of the folders below it, by name."""
    return [file for file, _ in _images_in(folder, Counter())]


def _images_in(folder: Path, skipped: Counter[tuple[str, str]]) -> Iterator[tuple[Path, Header]]:
    """Yield image files with their headers, by name, and count the files that are none."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(place, name)
            if (kind := _skipped_by_name(file.relative_to(folder))) is not None:
                skipped[kind] += 1
                continue
            header = read_header(file) if file.is_file() else Header("other", False)
            if (kind := _skipped_by_content(file, header)) is None:
                yield file, header
            else:
                skipped[kind] += 1


def _skipped_by_name(file: Path) -> tuple[str, str] | None:
    if any(part.lower() in _SYSTEM_NAMES for part in file.parts):
        return SYSTEM
    if any(part.startswith(".") for part in file.parts):
        return HIDDEN
    return DIRECTORY if file.name.upper() == "DICOMDIR" else None


def _skipped_by_content(file: Path, header: Header) -> tuple[str, str] | None:
    if header.kind == "DICOM":
        sop_class = header.sop_class or ""
        if sop_class == _DICOMDIR:
            return DIRECTORY
        return None if header.is_image and not sop_class.startswith(_NOT_PICTURES) else NO_PIXELS
    if header.is_image:
        return None
    if not file.is_file():  # a pipe, or a link to nothing
        return OTHER
    try:
        with file.open("rb") as opened:
            head = opened.read(4)
    except OSError:  # reading it says why
        return None
    if head == _APPLE_DOUBLE:
        return SYSTEM
    # Keep a damaged or empty image, so that the user gets an error; only its name is known.
    return None if file.suffix.lower() in IMAGE_SUFFIXES else OTHER


def studies_of(sources: Iterable[Source | StudyInput]) -> Iterator[StudyInput]:
    """Yield the studies of sources; a folder may hold many."""
    for source in sources:
        if isinstance(source, StudyInput):
            yield source
        elif isinstance(source, (str, os.PathLike)) and Path(source).is_dir():
            grouping = group([source])
            if skipped := grouping.describe_skipped():
                warnings.warn(f"{source}: {skipped}", RadscribeWarning, stacklevel=2)
            yield from grouping.studies
        else:
            yield as_study(source)


def indication_of(study: StudyInput) -> str | None:
    """Return why a study was asked for, from its first DICOM file that says so; None if none does."""
    for image in study.images:
        source = image.source if isinstance(image, Unread) else image
        if isinstance(source, (Path, bytes)) and (text := read_header(source).indication):
            return text
    return None
