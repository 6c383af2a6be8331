"""`Collection`: what a source hands over to be written as a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radscribe.data.splits import Parts
from radscribe.data.study import Study


@dataclass(frozen=True, slots=True)
class Job:
    """What a source is asked for.

    Parameters
    ----------
    src : the download: a folder, or a file where the source is one file.
    out : where the manifest will be; only sources that make images write there.
    parts : how to part what has no official parts.
    """

    src: Path
    out: Path
    parts: Parts = field(default_factory=Parts)


@dataclass(slots=True)
class Collection:
    """A dataset, read as it is written down.

    Parameters
    ----------
    root : the folder that the image paths of the studies start from.
    studies : in any order; an image's file may be missing. What must be there (tables, lists) is checked
        before the first study, by a `DataError` that names the file and where one gets it.
    total : how many studies, for the progress bar, where that is known.
    notes : remarks for the user; more may come while the studies are read.
    extras : further JSON Lines files beside the manifest, by name, e.g. boxes; filled when all studies
        are read.
    """

    source: str
    root: Path
    studies: Iterator[Study]
    licence: str = ""
    citation: str = ""
    total: int | None = None
    notes: list[str] = field(default_factory=list)
    extras: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
