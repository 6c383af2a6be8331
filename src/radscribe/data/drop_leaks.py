"""Take what leaks out of the parts: studies that training or validation must not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from radscribe.data import manifest as manifest_file
from radscribe.data.leaks import LeakReport
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study

# A leak leaves the part that is learned from rather than the one that is measured by.
RANK: dict[Split, int] = {"train": 0, "val": 1, "test": 2}


def drop_leaks(manifest: Manifest, report: LeakReport) -> int:
    """Write the manifest anew; a study of which something stands in a part of higher rank is in no part.

    Returns
    -------
    how many studies left their part.
    """
    leaving: set[tuple[str, Split]] = set()
    for leak in report.leaks:
        highest = max(RANK[place.part] for place in leak.where)
        leaving |= {(place.study, place.part) for place in leak.where if RANK[place.part] < highest}

    def studies() -> Iterator[Study]:
        for study in manifest:
            leaves = study.split is not None and (study.id, study.split) in leaving
            yield replace(study, split=None) if leaves else study

    manifest_file.write(manifest.path, manifest.header, studies())
    return len(leaving)
