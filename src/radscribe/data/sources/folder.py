"""A folder of images without a table: OpenIST, JSRT, your own films.

SRC      the folder; images in folders below it count, too
Licence  the dataset's own: give it with `--set licence=...`
Labels   `findings=A|B` holds for every image: `findings=normal` makes all 14 findings 0. Those of
         ChestX-ray14 that are not named are 0, or have no label with `unnamed=unknown`. JSRT's names say
         whether there is a nodule: `JPCLN*` has one (Nodule 1), `JPCNN*` has none (Nodule 0).
Parts    by a hash of the patient, if `patient=REGEX` finds one in the path, else of the image

Each image is a study. `patient='^([^/]+)/'` takes the name of the first folder as the patient.

OpenIST    --set findings=normal --set view=frontal
JSRT       --set view=frontal --set images=images
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from radscribe.data.image_files import image_key, image_paths, images_folder
from radscribe.data.sources.files import without_suffix
from radscribe.data.sources.finding_lists import FindingLists
from radscribe.data.sources.source import Collection, ImageSettings, Job, Source
from radscribe.data.study import ImageRef, Study
from radscribe.errors import DataError, UsageError
from radscribe.imaging.radiograph import View

_JSRT = re.compile(r"^jpc(?P<kind>l|n)n\d{3}$")


class Settings(ImageSettings, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    findings: Annotated[str, Meta(description="Findings of every image, such as normal.")] = ""
    unnamed: Annotated[
        Literal["absent", "unknown"], Meta(description="What findings are that `findings` does not name.")
    ] = "absent"
    view: Annotated[View, Meta(description="View of every image.")] = "unknown"
    patient: Annotated[str, Meta(description="Regular expression whose first group is the patient.")] = ""
    licence: Annotated[str, Meta(description="The dataset's licence, for the header.")] = ""
    citation: Annotated[str, Meta(description="The publication to cite, for the header.")] = ""


def collect(job: Job, settings: Settings) -> Collection:
    """Read the names of the images."""
    root = images_folder(job.src, settings.images) or job.src
    if not root.is_dir():
        raise DataError("is not a folder of images", subject=root, remedy="give a folder")
    lists = FindingLists(settings.unnamed)
    labels = lists.labels(settings.findings, "--set findings")
    if lists.strange:
        raise UsageError(f"unknown finding names: {lists.problem()}", remedy="correct --set findings")
    return Collection(
        f"folder {job.src.resolve().name}",
        root,
        _studies(root, job, settings, labels),
        settings.licence,
        settings.citation,
    )


def _studies(root: Path, job: Job, settings: Settings, labels: dict[str, float | None]) -> Iterator[Study]:
    try:
        scheme = re.compile(settings.patient) if settings.patient else None
    except re.error as error:
        raise UsageError(
            f"--set patient={settings.patient}: is not a regular expression ({error})", remedy="correct it"
        ) from error
    for path in image_paths(root):
        found = scheme.search(path) if scheme else None
        patient = found[1] if found and found.re.groups else None
        jsrt = _JSRT.match(image_key(path))
        own: dict[str, float | None] = {"Nodule": float(jsrt["kind"] == "l")} if jsrt else {}
        yield Study(
            without_suffix(path),
            (ImageRef(path, settings.view),),
            patient,
            labels=labels | own,
            split=job.parts.of(patient or without_suffix(path)),
        )


SOURCE = Source(__doc__, Settings, collect)
