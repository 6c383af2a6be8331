"""Drawn chests with known findings, boxes, labels and reports. Needs no download and no SRC.

From     radscribe.phantom
Licence  none: these are drawings of no patient
Labels   1 for what was drawn, 0 for the other findings of ChestX-ray14
Boxes    of all findings that were drawn, in the manifest
Parts    by a hash of the study: each phantom is a patient of its own

The images are written to images/ in the manifest's folder. The same `--seed` and number of the study draw the
same chest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.study import Box, ImageRef, Study
from radscribe.errors import UsageError
from radscribe.imaging.reader import MIN_SIDE
from radscribe.phantom import Phantom, draw, draw_study, save
from radscribe.text.report import Report

FOLDER = "images"
MOST = 1_000_000  # also what keeps the chests of one seed apart from those of the next


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    count: Annotated[int, Meta(description="Number of studies to draw.", ge=1, le=MOST)] = 200
    views: Annotated[Literal["PA", "both"], Meta(description="PA alone, or both PA and lateral.")] = "PA"
    size: Annotated[int, Meta(description="Width and height in pixels.", ge=MIN_SIDE, le=4096)] = 512


def collect(job: Job, settings: Settings) -> Collection:
    """Draw each study when it is read."""
    if job.parts.seed < 0:
        raise UsageError(f"--seed {job.parts.seed} is negative", remedy="give 0 or larger")
    (job.out / FOLDER).mkdir(exist_ok=True)
    return Collection(
        "radscribe phantoms",
        job.out,
        _studies(job, settings),
        "none: drawings of no patient",
        "radscribe.phantom",
        total=settings.count,
    )


def _studies(job: Job, settings: Settings) -> Iterator[Study]:
    for number in range(settings.count):
        study_id, seed = f"phantom-{number:06}", job.parts.seed * MOST + number
        if settings.views == "both":
            drawn = draw_study(seed, size=settings.size)
            frontal, views = drawn.frontal, [drawn.frontal, drawn.lateral]
        else:
            frontal = draw(seed, size=settings.size)
            views = [frontal]
        images = tuple(_image(phantom, study_id, job.out) for phantom in views)
        yield Study(
            study_id,
            images,
            study_id,
            Report(findings=frontal.findings_section, impression=frontal.impression),
            dict(frontal.labels),
            job.parts.of(study_id),
        )


def _image(phantom: Phantom, study_id: str, out: Path) -> ImageRef:
    path = f"{FOLDER}/{study_id}-{phantom.radiograph.view}.png"
    save(phantom, out / path)
    width, height = phantom.radiograph.width, phantom.radiograph.height
    boxes = tuple(
        Box(
            finding.name,
            finding.box[1] / width,
            finding.box[0] / height,
            (finding.box[3] - finding.box[1]) / width,
            (finding.box[2] - finding.box[0]) / height,
        )
        for finding in phantom.findings
    )
    return ImageRef(path, phantom.radiograph.view, boxes=boxes)


SOURCE = Source(__doc__, Settings, collect, needs_src=False)
