"""A manifest that is there already: to attach features to it, to part it anew, to export it.

SRC      manifest.jsonl, or its folder
Licence  as its header says
Parts    as they are; with `--set resplit=yes` by a hash of the patient, of the study where there is none
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import msgspec

from radscribe.data.manifest import Manifest
from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.splits import Parts
from radscribe.data.study import Study


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `--set` may say."""

    resplit: Annotated[bool, msgspec.Meta(description="part the studies anew")] = False


def collect(job: Job, settings: Settings) -> Collection:
    """The studies of a manifest."""
    manifest = Manifest(job.src)
    return Collection(
        manifest.header.source,
        manifest.root,
        _parted(manifest, job.parts) if settings.resplit else iter(manifest),
        manifest.header.licence,
        manifest.header.citation,
        total=len(manifest),
    )


def _parted(manifest: Manifest, parts: Parts) -> Iterator[Study]:
    for study in manifest:
        yield replace(study, split=parts.of(study.patient_id or study.id) if study.images else None)


SOURCE = Source(__doc__, Settings, collect)
