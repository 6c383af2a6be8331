"""Studies that share an id: an error, or grouped, renamed or dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from radscribe.data.study import Study
from radscribe.errors import DataError

Duplicates = Literal["error", "group", "rename", "drop"]
REMEDY = "give --duplicates group, rename or drop"


def resolve(studies: Iterator[Study], how: Duplicates, notes: list[str]) -> Iterator[Study]:
    """Make the ids of studies unique.

    Parameters
    ----------
    studies : iterator of Study
        In any order.
    how : {"error", "group", "rename", "drop"}
        `group` makes one study of those with the same id, with all their images. `rename` adds `-2`, `-3` to
        the id. `drop` keeps the first. `error` changes nothing: writing the manifest fails.
    notes : list of str
        Receives a note about the changes.

    Raises
    ------
    DataError
        Studies to be grouped have different patients or parts.
    """
    if how == "error":
        yield from studies
    elif how == "group":
        yield from grouped(studies, notes)
    else:
        yield from _one_by_one(studies, how, notes)


def grouped(studies: Iterator[Study], notes: list[str] | None = None) -> Iterator[Study]:
    """One study for each id; memory holds all of them."""
    first: dict[str, Study] = {}
    joined = differing = 0
    for study in studies:
        if study.id in first:
            differing += loses_a_report(first[study.id], study)
            study = merge(first[study.id], study)
            joined += 1
        first[study.id] = study
    if joined and notes is not None:
        notes.append(f"{joined:,} studies were joined with an earlier one of the same id")
    if differing and notes is not None:
        notes.append(lost_reports(differing))
    yield from first.values()


def loses_a_report(earlier: Study, later: Study) -> bool:
    """Return whether joining the two leaves out a report that differs from the first."""
    return bool(earlier.report and later.report and earlier.report != later.report)


def lost_reports(count: int) -> str:
    """Return the remark on reports that were left out."""
    return f"{count:,} reports differ from the first one of their study and were left out"


def merge(earlier: Study, later: Study) -> Study:
    """One study of two: all images, the first report, and labels that do not contradict each other.

    Raises
    ------
    DataError
        They have different patients or parts.
    """
    if (earlier.split, earlier.patient_id) != (later.split, later.patient_id):
        raise DataError(f"study '{later.id}' has another patient or part than in an earlier row")
    paths = {image.path for image in earlier.images}
    more = tuple(image for image in later.images if image.path not in paths)
    labels = dict(earlier.labels)
    for finding, value in later.labels.items():
        labels[finding] = value if labels.get(finding, value) == value else None
    return replace(
        earlier,
        images=earlier.images + more,
        report=earlier.report or later.report,
        labels=labels,
        prior=earlier.prior or later.prior,
    )


def join_boxes(earlier: Study, later: Study) -> Study:
    """One study of two rows that each give a box: all boxes, and findings that either row names.

    Raises
    ------
    DataError
        They have different patients or parts.
    """
    boxes = {image.path: image.boxes for image in earlier.images}
    added = [image for image in later.images if image.path in boxes and image.boxes]
    for image in added:
        boxes[image.path] += image.boxes
    merged = merge(earlier, later)
    images = tuple(replace(image, boxes=boxes.get(image.path, image.boxes)) for image in merged.images)
    present: dict[str, float | None] = {
        finding: 1.0 for study in (earlier, later) for finding, value in study.labels.items() if value == 1.0
    }
    return replace(merged, images=images, labels=merged.labels | present)


def _one_by_one(studies: Iterator[Study], how: Duplicates, notes: list[str]) -> Iterator[Study]:
    times: dict[str, int] = {}
    changed = 0
    for study in studies:
        count = times[study.id] = times.get(study.id, 0) + 1
        if count > 1:
            changed += 1
            if how == "drop":
                continue
            name = f"{study.id}-{count}"
            while name in times:
                count += 1
                name = f"{study.id}-{count}"
            times[study.id], times[name] = count, 1
            study = replace(study, id=name)
        yield study
    if changed:
        done = "were left out" if how == "drop" else "got a number behind their id"
        notes.append(f"{changed:,} studies with the id of an earlier one {done}")
