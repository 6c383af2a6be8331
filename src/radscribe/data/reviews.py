"""Reviewed studies as training data: the part that each belongs to, and how they join another dataset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from radscribe.data.manifest import Manifest
from radscribe.data.splits import assign, unit_hash
from radscribe.data.study import Split, Study

SOURCE = "radscribe reviews"  # in the header of their manifest
PARTS: tuple[Split, ...] = ("train", "val", "test")


def parts(ids: Iterable[str]) -> dict[str, Split]:
    """Return the part of each reviewed study.

    A hash of the id selects it, so that later reviews never move earlier ones. Only if this leaves a part
    empty, as with a handful of reviews, the largest part gives it a study: train first, then val, then test.

    Parameters
    ----------
    ids : iterable of str
        Ids of the patients, or of the studies where patients are not known.

    Examples
    --------
    >>> parts(["one"])
    {'one': 'train'}
    """
    found = {key: assign(key) for key in sorted(ids, key=unit_hash)}
    for part in PARTS:
        of = {other: [key for key, its in found.items() if its == other] for other in PARTS}
        donor = of[max(PARTS, key=lambda other: len(of[other]))]
        if not of[part] and len(donor) > (part != "train"):
            found[donor[0]] = part
    return found


def is_of_reviews(manifest: Manifest) -> bool:
    """Return whether `radscribe export-reviews`, or the service, wrote a manifest."""
    return manifest.header.source == SOURCE


def studies_of(manifest: Manifest, part: Split) -> list[Study]:
    """Return the studies of a part that have images, under absolute paths; there may be none."""
    root = manifest.root.resolve()
    found: list[Study] = []
    keys = manifest.keys()
    if any(key.split == part and key.has_image for _, key in keys):
        for study in manifest.split(part, with_images=True):
            images = tuple(replace(image, path=(root / image.path).as_posix()) for image in study.images)
            found.append(replace(study, images=images))
    return found
