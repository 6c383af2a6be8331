"""Drawn chests: radiographs with known findings, boxes, labels and reports. Needs no download and no SRC.

From     radscribe.phantom
Licence  none: a drawing of no patient
Labels   1 what was drawn, 0 the others of ChestX-ray14
Parts    by a hash of the study: a phantom is a patient of its own

The images are written to images/ in the manifest's folder, the boxes to boxes.jsonl: image, finding and box
[x, y, width, height] in pixels. Study N is drawn from `--seed` + N: the same numbers draw the same chests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.study import ImageRef, Study
from radscribe.errors import UsageError
from radscribe.imaging.reader import MIN_SIDE
from radscribe.phantom import Phantom, draw, draw_study, save
from radscribe.text.report import Report

FOLDER = "images"
MOST = 1_000_000  # also what keeps the chests of one seed apart from those of the next


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `--set` may say."""

    count: Annotated[int, Meta(description="studies to draw", ge=1, le=MOST)] = 200
    views: Annotated[Literal["PA", "both"], Meta(description="PA, or both: PA and lateral")] = "PA"
    size: Annotated[int, Meta(description="side of an image in pixels", ge=MIN_SIDE, le=4096)] = 512


def collect(job: Job, settings: Settings) -> Collection:
    """Draws each study when it is asked for."""
    if job.parts.seed < 0:
        raise UsageError(f"--seed {job.parts.seed} is negative", remedy="give 0 or larger")
    boxes: list[dict[str, Any]] = []
    (job.out / FOLDER).mkdir(exist_ok=True)
    return Collection(
        "radscribe phantoms",
        job.out,
        _studies(job, settings, boxes),
        "none: drawings of no patient",
        "radscribe.phantom",
        total=settings.count,
        extras={"boxes.jsonl": boxes},
    )


def _studies(job: Job, settings: Settings, boxes: list[dict[str, Any]]) -> Iterator[Study]:
    for number in range(settings.count):
        study_id, seed = f"phantom-{number:06}", job.parts.seed * MOST + number
        if settings.views == "both":
            drawn = draw_study(seed, size=settings.size)
            frontal, views = drawn.frontal, [drawn.frontal, drawn.lateral]
        else:
            frontal = draw(seed, size=settings.size)
            views = [frontal]
        images = tuple(_image(phantom, study_id, job.out, boxes) for phantom in views)
        yield Study(
            study_id,
            images,
            study_id,
            Report(findings=frontal.findings_section, impression=frontal.impression),
            dict(frontal.labels),
            job.parts.of(study_id),
        )


def _image(phantom: Phantom, study_id: str, out: Path, boxes: list[dict[str, Any]]) -> ImageRef:
    path = f"{FOLDER}/{study_id}-{phantom.radiograph.view}.png"
    save(phantom, out / path)
    for finding in phantom.findings:
        top, left, bottom, right = finding.box
        boxes.append({"image": path, "finding": finding.name, "box": [left, top, right - left, bottom - top]})
    return ImageRef(path, phantom.radiograph.view)


SOURCE = Source(__doc__, Settings, collect, needs_src=False)
