"""An existing manifest: to split it again, to find its images elsewhere, to attach features, to export it.

SRC      manifest.jsonl, or its folder
Licence  as its header says
Parts    unchanged; with `--set resplit=yes` by a hash of the patient, or of the study if it has no patient
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from msgspec import Meta

from radscribe.data.image_files import ImageFiles, images_folder
from radscribe.data.manifest import Manifest
from radscribe.data.sources.source import Collection, ImageSettings, Job, Source
from radscribe.data.splits import Parts
from radscribe.data.study import Study


class Settings(ImageSettings, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    resplit: Annotated[bool, Meta(description="yes: split again, by --seed and --fractions.")] = False


def collect(job: Job, settings: Settings) -> Collection:
    """Read a manifest."""
    manifest = Manifest(job.src)
    root = images_folder(job.src, settings.images)
    parts, files = job.parts if settings.resplit else None, ImageFiles(root, deep=True) if root else None
    return Collection(
        manifest.header.source,
        root or manifest.root,
        _changed(manifest, parts, files),
        manifest.header.licence,
        manifest.header.citation,
        total=len(manifest),
    )


def _changed(manifest: Manifest, parts: Parts | None, files: ImageFiles | None) -> Iterator[Study]:
    for study in manifest:
        if parts is not None:
            study = replace(study, split=parts.of(study.patient_id or study.id) if study.images else None)
        if files is not None:
            images = tuple(replace(image, path=files.path(image.path)) for image in study.images)
            study = replace(study, images=images)
        yield study


SOURCE = Source(__doc__, Settings, collect)
