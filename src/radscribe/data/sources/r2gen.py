"""R2Gen's preparation of IU X-ray or of MIMIC-CXR: the split that captioning papers report on.

SRC      annotation.json, and the images that it names in images/. For IU X-ray also, if they are there:
         indiana_projections.csv and indiana_reports.csv (Kaggle), r2gen_images.csv (id, image, projection)
From     https://github.com/cuhksz-nlp/R2Gen (its README links both; MIMIC-CXR asks for PhysioNet's terms)
Licence  that of the collection: IU X-ray CC BY-NC-ND 4.0; MIMIC-CXR PhysioNet Credentialed Health Data
         License 1.5.0
Cite     Chen et al., Generating Radiology Reports via Memory-driven Transformer, EMNLP 2020
Labels   with indiana_reports.csv as in iu-kaggle; else none
Text     the findings are the file's. indication, comparison and impression come from indiana_reports.csv.
Parts    official: those of the file. `id` is the study's id, MIMIC's `subject_id` the patient's.

The file renames IU's images to 0.png and 1.png. If those are not there, the study's images are found by
their own names, from r2gen_images.csv or from indiana_projections.csv, with their views. With `--features`, a
study whose images are renamed gets the features of the study's images in the order of the features' file,
which may not be R2Gen's; if there are more features than images (154 of 2,955 studies), each image gets the
mean of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from radscribe.data import r2gen
from radscribe.data.image_files import ImageFiles, image_key, images_folder, iu_uid, study_key
from radscribe.data.sources import iu_kaggle
from radscribe.data.sources.files import Row, require, rows
from radscribe.data.sources.iu_kaggle import Settings
from radscribe.data.sources.iu_labels import labels, mesh_labels
from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.study import ImageRef, Study

ORIGIN = "https://github.com/cuhksz-nlp/R2Gen"
IMAGES = "r2gen_images.csv"


def collect(job: Job, settings: Settings) -> Collection:
    """Read `annotation.json`."""
    folder, name = (job.src.parent, job.src.name) if job.src.is_file() else (job.src, r2gen.FILE)
    table = r2gen.read(require(folder, name, origin=ORIGIN))
    is_mimic = any(row.subject_id is not None for part in table.values() for row in part[:1])
    notes: list[str] = []
    root = images_folder(folder, settings.images)
    root = root or (folder / "images" if (folder / "images").is_dir() else folder)
    studies = r2gen.studies(table)
    if not is_mimic:
        studies = _Joined(folder, root, settings, notes).studies(studies)
    return Collection(
        f"{'MIMIC-CXR' if is_mimic else 'IU X-ray'} (R2Gen)",
        root,
        studies,
        "PhysioNet Credentialed Health Data License 1.5.0" if is_mimic else "CC BY-NC-ND 4.0",
        "Chen et al., EMNLP 2020, doi:10.18653/v1/2020.emnlp-main.112",
        total=sum(map(len, table.values())),
        notes=notes,
    )


class _Joined:
    """Facts from other tables about R2Gen's Indiana studies: original image names, views, labels."""

    def __init__(self, folder: Path, root: Path, settings: Settings, notes: list[str]) -> None:
        self._files = ImageFiles(root, ("images_normalized", "."), deep=bool(settings.images))
        self._by_id: dict[str, list[ImageRef]] = {}
        self._by_uid: dict[str, list[ImageRef]] = {}
        self._reports: dict[str, Row] = {}
        self._mesh = settings.labels == "mesh"
        self._notes = notes
        if (folder / IMAGES).is_file():
            for row in rows(folder / IMAGES, ("id", "image", "projection")):
                view = iu_kaggle.VIEWS.get(row["projection"], "unknown")
                self._by_id.setdefault(row["id"], []).append(ImageRef(self._files.path(row["image"]), view))
        if (folder / iu_kaggle.PROJECTIONS).is_file():
            self._by_uid = iu_kaggle.read_images(folder / iu_kaggle.PROJECTIONS, self._files)
        if (folder / iu_kaggle.REPORTS).is_file():
            self._reports = iu_kaggle.read_reports(folder / iu_kaggle.REPORTS)

    def studies(self, studies: Iterator[Study]) -> Iterator[Study]:
        """The studies with the facts from other tables."""
        renamed = 0
        for study in studies:
            joined = self._with_report(study)
            if study.images and self._files.find(study.images[0].path) is None:
                images = self._images(study.id)
                renamed += bool(images)
                joined = replace(joined, images=images or study.images)
            yield joined
        if renamed:
            self._notes.append(f"{renamed:,} studies have their images under the collection's own names")

    def _images(self, study_id: str) -> tuple[ImageRef, ...]:
        if study_id in self._by_id:
            return tuple(self._by_id[study_id])
        key, images = study_key(study_id), self._by_uid.get(iu_uid(study_id) or "", [])
        own = [image for image in images if key and image_key(image.path).startswith(f"{key}-")]
        return tuple(own or images)

    def _with_report(self, study: Study) -> Study:
        row = self._reports.get(iu_uid(study.id) or "")
        if row is None or study.report is None:
            return study
        report = iu_kaggle.report_of(row)
        tags = row["MeSH"].split(";")
        return replace(
            study,
            report=replace(report, findings=study.report.findings),
            labels=mesh_labels(tags) if self._mesh else labels(tags, report),
        )


SOURCE = Source(__doc__, Settings, collect)
