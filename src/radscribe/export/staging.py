"""A bundle made beside its place, and put there when it is whole; and a bundle as the start of another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from radscribe.bundle.format import CARD, DESCRIPTION, WEIGHTS, BundleSpec, describe, read, sha256, write
from radscribe.bundle.signature import SIGNATURE
from radscribe.errors import BundleError
from radscribe.files import staged_folder


@contextmanager
def staged(out: Path, overwrite: bool = False) -> Iterator[Path]:
    """Fill a folder beside `out`; its files move to `out` when the block ends without an error.

    With `overwrite`, files of the old bundle go if the new one does not have them. Other files stay.

    Parameters
    ----------
    out : Path
        Folder of the bundle.
    overwrite : bool
        Whether a bundle that is there may be replaced.

    Yields
    ------
    Path
        The folder to fill.

    Raises
    ------
    UsageError
        The folder has content and `overwrite` is false, or it holds a folder named as a file of the bundle.
    OutputError
        The disk is full, or the folder cannot be written.
    """
    # The description moves last: an unfinished bundle is never taken for a complete one.
    with staged_folder(out, overwrite, last=(DESCRIPTION,), stale=sorted(_listed(out))) as stage:
        stage.chmod(0o700)
        yield stage


def _listed(folder: Path) -> set[str]:
    """The files of the bundle in a folder; none if there is no bundle."""
    try:
        return {*describe(folder).files, SIGNATURE}
    except BundleError:
        return set()


def copy(source: Path, out: Path, name: str, card: Path | None = None, weights: bool = True) -> BundleSpec:
    """A bundle under another name, with another card or without its weights, which it may lack already."""
    spec = read(source)
    weights = weights and (source / WEIGHTS).is_file()
    files = [file for file in spec.files if weights or file != WEIGHTS]
    for file in files:
        shutil.copyfile(source / file, out / file)
    if card is not None:
        shutil.copyfile(card, out / CARD)
    spec = msgspec.structs.replace(
        spec,
        name=name,
        files={file: sha256(out / file) for file in dict.fromkeys([*files, CARD]) if (out / file).is_file()},
    )
    write(out, spec)
    return spec
