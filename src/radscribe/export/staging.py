"""A bundle made beside its place, and put there when it is whole; and a bundle as the start of another."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from radscribe.bundle.format import CARD, DESCRIPTION, WEIGHTS, BundleSpec, describe, read, sha256, write
from radscribe.errors import BundleError, UsageError


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder of the same name whose files go to `out` when the block ends well, and else nowhere.

    Of a bundle that is there, the files that the new one does not have go.

    Raises
    ------
    UsageError
        `out` is not a folder that can be made, or holds a folder named as a file of the bundle.
    """
    out = out.resolve()  # "." has no name
    try:
        if not out.name or (out.exists() and not out.is_dir()):
            raise FileExistsError(errno.EEXIST, "is not a folder that a bundle can be in")
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-")
    except OSError as error:
        raise UsageError(
            f"cannot be made: {error.strerror}", subject=out, remedy="name another folder with --out"
        ) from error
    with temporary as folder:
        stage = Path(folder) / out.name
        stage.mkdir()
        yield stage
        # The description last: an unfinished bundle is never taken for a whole one.
        files = sorted(stage.iterdir(), key=lambda file: file.name == DESCRIPTION)
        for file in files:
            if (out / file.name).is_dir():
                raise UsageError("is a folder, and a bundle's file of that name", subject=out / file.name)
        left = [out / name for name in _listed(out) - {file.name for file in files}]
        out.mkdir(exist_ok=True)
        for file in files:
            file.replace(out / file.name)
        for path in filter(Path.is_file, left):
            path.unlink()


def _listed(folder: Path) -> set[str]:
    """The files of the bundle that is there, if there is one."""
    try:
        return set(describe(folder).files)
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
