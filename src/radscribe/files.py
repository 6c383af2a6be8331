"""Files that commands write and check: each is complete or not there.

Every command that writes uses these functions, so a full disk, a folder that cannot be written to and an
existing target produce the same one-line errors everywhere, and an interrupted command leaves nothing half
written.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from radscribe.errors import OutputError, UsageError

_PARTIAL = ".partial"  # ends the name of an incomplete file
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# errno -> (problem, remedy). Other numbers show the operating system's own words.
_PROBLEMS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free some space or write to another disk"),
    errno.EDQUOT: ("your disk quota is used up", "free some space or write to another disk"),
    errno.EFBIG: ("exceeds the largest allowed file size", "raise the limit or write to another disk"),
    errno.EROFS: ("the file system is read-only", "choose a folder that you can write to"),
    errno.EACCES: ("permission denied", "change its permissions or choose another place"),
    errno.EPERM: ("permission denied", "change its permissions or choose another place"),
    errno.EISDIR: ("is a folder", "choose another name"),
    errno.ENOTDIR: ("a part of this path is a file, not a folder", "choose another folder"),
    errno.EEXIST: ("is a file, not a folder", "choose another folder"),
    errno.ENOENT: ("there is no such file or folder", "check the path"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
    errno.EIO: ("the disk reports an error", "check the disk or use another one"),
}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def output_error(error: OSError, path: str | os.PathLike[str] | None = None) -> OutputError:
    """Return the one-line error for a failed write.

    Parameters
    ----------
    error : OSError
        The error of the operating system.
    path : path, optional
        The file or folder that the user named (default: the one in `error`).
    """
    subject = path if path is not None else error.filename2 or error.filename  # the second is that of a copy
    if isinstance(subject, int):  # a file descriptor
        subject = None
    spoken = (error.strerror or "the operating system refused it").lower()
    problem, remedy = _PROBLEMS.get(error.errno or 0, (spoken, "choose another place"))
    return OutputError(problem, subject=subject, remedy=remedy)


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an `OSError` about `path`, or about no file in particular, into an `OutputError` that names it.

    Errors about other files, such as an input that is missing, pass unchanged.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None or error.errno in _FULL or _inside(error.filename, path):
            raise output_error(error, path) from error
        raise


def _inside(name: object, path: str | os.PathLike[str]) -> bool:
    """Whether a file is `path`, lies in it, is one of its parents, or is our unfinished copy of it."""
    if not isinstance(name, str | os.PathLike):
        return False
    file, target = Path(name).resolve(), Path(path).resolve()
    return file in target.parents or file.is_relative_to(target) or _PARTIAL in str(file)


def refuse_existing(path: Path, overwrite: bool = False) -> None:
    """Refuse to replace what exists, unless the user asked for it.

    An empty folder counts as not existing.

    Parameters
    ----------
    path : Path
        The file or folder that is going to be written.
    overwrite : bool
        The value of ``--overwrite``.

    Raises
    ------
    UsageError
        `path` is a file or a folder with something in it, and `overwrite` is false.
    OutputError
        `path` cannot be looked at.
    """
    if overwrite:
        return
    with writing(path):
        if not os.path.lexists(path):
            return
        if path.is_dir() and not any(path.iterdir()):
            return
    raise UsageError("already exists", subject=path, remedy="choose another name or pass --overwrite")


def make_folder(path: Path) -> Path:
    """Make a folder and its parents.

    Raises
    ------
    OutputError
        The folder cannot be made, or new files cannot be added to it.
    """
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return path


@contextmanager
def atomic_write(path: Path, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` when the block ends without an error, and is deleted otherwise.

    Parameters
    ----------
    path : Path
        The file to write. Its folder must exist.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    BinaryIO
        A file beside `path`, open for writing.

    Raises
    ------
    UsageError
        The file exists and `overwrite` is false.
    OutputError
        The disk is full, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_write(folder / "answer.txt") as file:
    ...     _ = file.write(b"42")
    >>> (folder / "answer.txt").read_text()
    '42'
    """
    refuse_existing(path, overwrite)
    partial = path.with_name(path.name + _PARTIAL)
    try:
        with writing(path):
            with partial.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str, overwrite: bool = True) -> None:
    """Write a UTF-8 file completely or not at all; raises as `atomic_write` does."""
    with atomic_write(path, overwrite) as file:
        file.write(text.encode())


@contextmanager
def staged_folder(
    out: Path, overwrite: bool = False, last: Sequence[str] = (), stale: Sequence[str] = ()
) -> Iterator[Path]:
    """Make a folder beside `out` whose content moves into `out` when the block ends without an error.

    Files in `out` that the new content does not replace stay, except those in `stale`.

    Parameters
    ----------
    out : Path
        The folder that the user named. Its parents are made, and removed again after an error.
    overwrite : bool
        Whether files may be put into a folder that already has some.
    last : sequence of str
        Names at the top level that move after all others, such as the file that declares the folder complete.
    stale : sequence of str
        Names at the top level of `out` that are deleted if the new content does not have them.

    Yields
    ------
    Path
        The folder to fill. It has the name of `out`.

    Raises
    ------
    UsageError
        `out` has content and `overwrite` is false.
    OutputError
        The disk is full, or a file cannot be written.
    """
    out = out.resolve()  # "." has no name
    if not out.name:
        raise UsageError("is the root folder", subject=out, remedy="choose another folder")
    if out.exists() and not out.is_dir():
        raise output_error(FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)), out)
    refuse_existing(out, overwrite)
    made = [folder for folder in out.parents if not folder.exists()]  # innermost first
    workshop = out.parent / f".{out.name}.{os.getpid()}{_PARTIAL}"
    stage = workshop / out.name
    try:
        make_folder(out.parent)
        if out.is_dir():
            make_folder(out)
        with writing(out):
            stage.mkdir(parents=True)
            yield stage
            fresh = {entry.name for entry in stage.iterdir()}
            _move(stage, out, last)
            for name in set(stale) - fresh:
                if (out / name).is_file():
                    (out / name).unlink()
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
        if not out.exists():
            with suppress(OSError):  # one that is not empty stays, and so do its parents
                for folder in made:
                    folder.rmdir()


def _move(stage: Path, out: Path, last: Sequence[str]) -> None:
    """Move the files of `stage` into `out`: by one rename if `out` is new."""
    if not out.exists():
        stage.replace(out)
        return
    files = sorted(file.relative_to(stage) for file in stage.rglob("*") if not file.is_dir())
    for file in files:
        if (out / file).is_dir():
            raise UsageError("is a folder where a file should go", subject=out / file, remedy="move it away")
        for parent in list(file.parents)[:-1]:
            if (out / parent).exists() and not (out / parent).is_dir():
                raise UsageError(
                    "is a file where a folder should go", subject=out / parent, remedy="move it away"
                )
    for file in sorted(files, key=lambda file: (file.parts[0] in last, file)):
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        (stage / file).replace(out / file)
