"""Drawn chests with known findings, boxes, labels and reports. Needs no download and no SRC.

From     radscribe.phantom
Licence  none: these are drawings of no patient
Labels   1 for what was drawn, 0 for the other findings of ChestX-ray14
Boxes    of all findings that were drawn, in the manifest
Parts    by a hash of the patient

The images are written to images/ in the manifest's folder. The same `--seed` and number of the study draw the
same chest.

`--set pairs=true` draws two studies of each patient: the anatomy is the same, position and exposure differ,
and one finding appeared, resolved, grew, shrank or stayed as it was. The second study has the first as its
prior, and its report says what changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from radscribe.data.sources.source import Collection, Job, Source
from radscribe.data.study import Box, ImageRef, Study
from radscribe.errors import UsageError
from radscribe.imaging.reader import MIN_SIDE
from radscribe.phantom import DRAWABLE, Phantom, draw, draw_pair, draw_study, save
from radscribe.text.report import Report

FOLDER = "images"
MOST = 1_000_000  # also what keeps the chests of one seed apart from those of the next


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings for `--set`."""

    count: Annotated[
        int, Meta(description="Number of patients, each with one study, or two with `pairs`.", ge=1, le=MOST)
    ] = 200
    views: Annotated[Literal["PA", "both"], Meta(description="Only PA, or both PA and lateral.")] = "PA"
    size: Annotated[int, Meta(description="Width and height in pixels.", ge=MIN_SIDE, le=4096)] = 512
    pairs: Annotated[
        bool, Meta(description="yes: a prior and a present study of each patient; no: one study.")
    ] = False
    findings: Annotated[
        str, Meta(description="Findings that pairs choose from, separated by spaces; empty: all.")
    ] = ""


def collect(job: Job, settings: Settings) -> Collection:
    """Draw each study when it is read."""
    if job.parts.seed < 0:
        raise UsageError(f"--seed {job.parts.seed} is negative", remedy="give 0 or larger")
    if settings.pairs and settings.views == "both":
        raise UsageError("pairs are drawn only in the PA view", remedy="give --set views=PA")
    if settings.findings and not settings.pairs:
        raise UsageError("findings are chosen only for pairs", remedy="give --set pairs=yes")
    names = tuple(settings.findings.split()) or DRAWABLE
    if unknown := set(names) - set(DRAWABLE):
        raise UsageError(
            f"does not draw '{min(unknown)}'", subject="phantom", remedy=f"choose from {', '.join(DRAWABLE)}"
        )
    (job.out / FOLDER).mkdir(exist_ok=True)
    return Collection(
        "radscribe phantoms",
        job.out,
        _pairs(job, settings, names) if settings.pairs else _studies(job, settings),
        "none: drawings of no patient",
        "radscribe.phantom",
        total=settings.count * (1 + settings.pairs),
    )


def _studies(job: Job, settings: Settings) -> Iterator[Study]:
    for number in range(settings.count):
        study_id, seed = f"phantom-{number:06}", job.parts.seed * MOST + number
        if settings.views == "both":
            drawn = draw_study(seed, size=settings.size)
            views = [drawn.frontal, drawn.lateral]
        else:
            views = [draw(seed, size=settings.size)]
        yield _study(job, study_id, study_id, *views)


def _pairs(job: Job, settings: Settings, findings: Sequence[str]) -> Iterator[Study]:
    for number in range(settings.count):
        patient = f"phantom-{number:06}"
        pair = draw_pair(job.parts.seed * MOST + number, settings.size, findings)
        yield _study(job, f"{patient}-1", patient, pair.before)
        yield replace(_study(job, f"{patient}-2", patient, pair.after), prior=f"{patient}-1")


def _study(job: Job, study_id: str, patient: str, *views: Phantom) -> Study:
    frontal = views[0]
    return Study(
        study_id,
        tuple(_image(phantom, study_id, job.out) for phantom in views),
        patient,
        Report(findings=frontal.findings_section, impression=frontal.impression),
        dict(frontal.labels),
        job.parts.of(patient),
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
