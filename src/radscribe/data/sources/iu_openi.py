"""Indiana University chest X-rays in Open-i's layout: an XML file per report, and PNG or DICOM files.

SRC      NLMCXR_reports.tgz (or ecgen-radiology/*.xml out of it), and the images of NLMCXR_png.tgz in
         NLMCXR_png/ or of NLMCXR_dcm.tgz in NLMCXR_dcm/
From     https://openi.nlm.nih.gov/faq (Downloads)
Licence  CC BY-NC-ND 4.0
Cite     Demner-Fushman et al., Preparing a collection of radiology examinations for distribution and
         retrieval, JAMIA 23(2), 2016
Labels   As in iu-kaggle, from the experts' MeSH tags (`major`) and the report together, or by
         `--set labels=mesh` from only the tags. The machine's tags (`automatic`) are not used.
Views    The XML has none. They come from Kaggle's indiana_projections.csv, if that is in SRC.
Parts    There is no patient id and no official split: by a hash of the study's number, as in iu-kaggle, so
         that a study is in the same part of both. 104 reports have no image and are in no part.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from radscribe.data.image_files import ImageFiles, bare_name, image_files, image_key
from radscribe.data.sources.files import require, rows
from radscribe.data.sources.iu_kaggle import CITATION, FOLDERS, LICENCE, PROJECTIONS, VIEWS, Settings
from radscribe.data.sources.iu_labels import labels, mesh_labels
from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.splits import Parts
from radscribe.data.study import ImageRef, Study
from radscribe.errors import DataError
from radscribe.imaging.radiograph import View
from radscribe.text.report import Report

ORIGIN = "https://openi.nlm.nih.gov/faq (Downloads)"
OWN_FOLDERS = ("NLMCXR_png", *FOLDERS)
LARGEST = 1 << 22  # bytes of an XML file; the largest of the collection has 12 kB


def collect(job: Job, settings: Settings) -> Collection:
    """Read the XML files."""
    archive = require(
        job.src, "NLMCXR_reports.tgz", "ecgen-radiology", "NLMCXR_reports/ecgen-radiology", origin=ORIGIN
    )
    views: dict[str, View] = {}
    if (job.src / PROJECTIONS).is_file():
        views = {
            image_key(row["filename"]): VIEWS.get(row["projection"], "unknown")
            for row in rows(job.src / PROJECTIONS, ("filename", "projection"))
        }
    images = _Images(job.src, settings.images)
    collection = Collection(
        "Indiana University chest X-rays (Open-i)",
        images.files.root,
        _studies(archive, images, views, job.parts, settings),
        LICENCE,
        CITATION,
    )
    if not views:
        collection.notes.append(f"no views: put Kaggle's {PROJECTIONS} into SRC to get them")
    return collection


class _Images:
    """Image files by Open-i's name, or DICOM files in a folder per study."""

    def __init__(self, src: Path, folder: str) -> None:
        self._dicom = not folder and (src / "NLMCXR_dcm").is_dir() and not (src / "NLMCXR_png").is_dir()
        self.files: ImageFiles = image_files(src, OWN_FOLDERS, folder)

    def path(self, name: str) -> str:
        if self._dicom:
            key = bare_name(name)
            return f"NLMCXR_dcm/{key.partition('_')[0]}/{key}.dcm"
        return self.files.path(f"{name}.png")


def _studies(
    archive: Path, images: _Images, views: dict[str, View], parts: Parts, settings: Settings
) -> Iterator[Study]:
    for name, data in _documents(archive):
        root = parse(data, f"{archive} ({name})")
        study_id = _attribute(root.find("uId"))
        if not study_id:
            raise DataError(
                "is not an Open-i report (no uId)", subject=f"{archive} ({name})", remedy="download it again"
            )
        text = {
            str(element.get("Label")).lower(): (element.text or "").strip()
            for element in root.iter("AbstractText")
        }
        pictures = tuple(
            ImageRef(images.path(image), views.get(image_key(image), "unknown"))
            for image in map(_attribute, root.iter("parentImage"))
            if image
        )
        report = Report(
            text.get("indication", ""),
            text.get("comparison", ""),
            text.get("findings", ""),
            text.get("impression", ""),
        )
        tags = [tag.text or "" for tag in root.iter("major")]
        yield Study(
            study_id,
            pictures,
            report=report,
            labels=labels(tags, report) if settings.labels == "both" else mesh_labels(tags),
            split=parts.of(study_id.removeprefix("CXR")) if pictures else None,
        )


def _attribute(element: ElementTree.Element | None) -> str:
    return "" if element is None else element.get("id", "")


def parse(data: bytes, subject: str) -> ElementTree.Element:
    """Parse an XML document. One that declares entities is refused: they can fill the memory.

    Raises
    ------
    DataError
        The document has a document type, or is not well-formed.
    """
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(data, True)  # stops at a DOCTYPE, before any entity
        return ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(
            f"is not XML that can be read ({error})", subject=subject, remedy="download it again"
        ) from error


def _refuse_doctype(*_: object) -> None:
    raise ValueError("it declares a document type, which no file of this collection does")


def _documents(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the XML files of the folder or the archive; nothing is unpacked to disk."""
    if archive.is_dir():
        for path in sorted(archive.glob("*.xml")):
            yield path.name, path.read_bytes()
        return
    try:
        with tarfile.open(archive) as file:
            for member in file:
                if not member.isfile() or not member.name.endswith(".xml"):
                    continue
                if member.size > LARGEST:
                    raise DataError(
                        f"holds {member.name} of {member.size} bytes, more than any report has",
                        subject=archive,
                        remedy=f"get it again from {ORIGIN}",
                    )
                content = file.extractfile(member)
                assert content is not None
                yield member.name, content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"is damaged or cut short ({error})", subject=archive, remedy=f"get it again from {ORIGIN}"
        ) from error


SOURCE = Source(__doc__, Settings, collect)
