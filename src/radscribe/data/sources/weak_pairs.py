"""Images with labels but no report, each paired with sentences of real reports that say only its labels.

SRC      a manifest with labels, such as that of nih-cxr14
Set      reports=annotation.json in R2Gen's layout. Only its training part is read.
Licence  those of both: the text is that of the reports
Labels   those of SRC
Parts    those of SRC. A tenth of the reports serves the validation part and the others the training part, so
         no report serves both. Test studies get no report: weak pairs are for training, not for measuring.

The pairing depends only on the seed and the study's id, so it is the same everywhere, and adding studies
does not change that of others. `normalised` of each report says `weakly paired`. Training can also draw a new
pair whenever it sees an image (`weak_reports` of `radscribe train`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec

from radscribe.data.manifest import Manifest
from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.study import Split, Study
from radscribe.data.weak_pairs import WeakPairs, reports_to_pair
from radscribe.errors import UsageError
from radscribe.text.report import Report

MARK = "weakly paired"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    reports: Annotated[str, msgspec.Meta(description="annotation.json in R2Gen's layout (required)")] = ""


def collect(job: Job, settings: Settings) -> Collection:
    """Read a manifest and give its studies reports."""
    if not settings.reports:
        raise UsageError("no reports are given", remedy="give --set reports=annotation.json")
    manifest = Manifest(job.src)
    texts = reports_to_pair(Path(settings.reports))
    pairs = {part: WeakPairs(reports) for part, reports in texts.items()}
    return Collection(
        f"{manifest.header.source}, weakly paired with {Path(settings.reports).name}",
        manifest.root,
        _studies(manifest, pairs, job.parts.seed),
        f"{manifest.header.licence}; the reports' own for the text",
        manifest.header.citation,
        total=len(manifest),
        notes=["test studies and studies without labels have no report"],
    )


def _studies(manifest: Manifest, pairs: dict[Split, WeakPairs], seed: int) -> Iterator[Study]:
    for study in manifest:
        report = None
        if study.split in pairs and study.labels:
            present = [finding for finding, value in study.labels.items() if value == 1.0]
            text = pairs[study.split].sample(present, random.Random(f"{seed}:{study.id}"))
            report = Report(findings=text, normalised=(MARK,)) if text else None
        yield replace(study, report=report)


SOURCE = Source(__doc__, Settings, collect)
