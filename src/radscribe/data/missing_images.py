"""Which images of a dataset are there: their sizes, and what is said about the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from radscribe.data.image_size import image_size
from radscribe.data.study import ImageRef
from radscribe.errors import DataError

FILE = "missing.txt"
NAMED = 3  # missing images that an error's line names


def seen(image: ImageRef, root: Path, missing: list[str]) -> ImageRef:
    """An image with its size; where its file is missing or unreadable, that is noted."""
    try:
        size = image_size(root / image.path)
    except (FileNotFoundError, NotADirectoryError):
        size = None
    if size is None:
        missing.append(image.path)
        return image
    return replace(image, width=size[0], height=size[1])


def error(missing: Sequence[str], root: Path, total: int) -> DataError:
    """The error that says how many images are missing, and the first ones."""
    more = ", ..." if len(missing) > NAMED else ""
    return DataError(
        f"{len(missing):,} of {total:,} images are missing or unreadable: {', '.join(missing[:NAMED])}{more}",
        subject=root,
        remedy=f"download them, or go on without with --allow-missing, which lists all in {FILE}",
    )
