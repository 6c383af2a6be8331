"""A dataset source: its settings, and a function that reads a download as a `Collection`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from radscribe.data.duplicates import Duplicates
from radscribe.data.splits import Parts
from radscribe.data.study import Study


class ImageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of every source that reads images."""

    images: Annotated[
        str, msgspec.Meta(description="Folder of the images, if they are not where the download has them.")
    ] = ""


@dataclass(frozen=True, slots=True)
class Job:
    """Studies of a source, and their split.

    Parameters
    ----------
    src : Path
        The download: a folder, or a file if the source is a single file.
    out : Path
        The folder of the manifest. Only sources that make images write there.
    parts : Parts
        How to split a dataset that has no official split.
    duplicates : {"error", "group", "rename", "drop"}
        What will be done with studies that share an id. A source may say where an error is.
    """

    src: Path
    out: Path
    parts: Parts = field(default_factory=Parts)
    duplicates: Duplicates = "error"


@dataclass(slots=True)
class Collection:
    """A dataset that is read while its manifest is written.

    Parameters
    ----------
    source : str
        The dataset's name, for the manifest's header.
    root : Path
        The folder that the image paths of the studies start from.
    studies : iterator of Study
        In any order; an image file may be missing. Tables and lists that must be there are checked before the
        first study, and a `DataError` names the missing one and where to get it.
    licence, citation : str
        For the manifest's header.
    total : int, optional
        The number of studies, for the progress bar.
    notes : list of str
        Remarks for the user. More may be added while the studies are read.
    """

    source: str
    root: Path
    studies: Iterator[Study]
    licence: str = ""
    citation: str = ""
    total: int | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset that `radscribe prepare` can read.

    Parameters
    ----------
    about : str
        The manual: what the data is, where to get it, its licence, how to cite it, what its labels mean and
        how it is split. The first line is the summary. Sources use their module's docstring.
    settings : type
        A `msgspec.Struct` with the settings that `--set` accepts.
    collect : callable
        ``collect(job, settings) -> Collection``.
    needs_src : bool
        Whether the source reads a download.
    """

    about: str
    settings: type[Any]
    collect: Callable[[Job, Any], Collection]
    needs_src: bool = True

    @property
    def summary(self) -> str:
        """The first line of the manual."""
        return self.about.strip().partition("\n")[0]
