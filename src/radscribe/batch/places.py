"""Folders that are read from and written to: on this machine, or behind a URL through fsspec."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from radscribe.errors import ImageError, OutputError, RadscribeError, UsageError
from radscribe.files import make_folder, writing

# A file is whole in these stores as soon as it is visible. Elsewhere it is renamed when it is complete.
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
PARTIAL = ".partial"


def is_url(name: str) -> bool:
    """Return whether a name has a scheme, such as ``s3://``."""
    return "://" in name


def without_file_scheme(name: str) -> str:
    """Return the path of a ``file://`` URL, and any other name unchanged."""
    return name.removeprefix("file://")


def joined(root: str, name: str) -> str:
    """Return a file's full path or URL: `name` itself if it is absolute, otherwise below `root`."""
    if is_url(name) or not root:
        return without_file_scheme(name)
    return f"{root.rstrip('/')}/{name}" if is_url(root) else str(Path(root, name))


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path in it.

    Raises
    ------
    RadscribeError
        fsspec or the package for this kind of URL is not installed.
    UsageError
        There is no such kind of URL.
    """
    scheme = url.partition("://")[0]
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise RadscribeError(
            "a URL needs fsspec", subject=url, remedy='run: pip install ".[s3]" in the checkout'
        ) from error
    try:
        system, path = url_to_fs(url)
    except ImportError as error:
        raise RadscribeError(
            f"{scheme}:// needs another package",
            subject=url,
            remedy=f"install the fsspec package for {scheme}",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"there is no kind of URL called {scheme}", subject=url, remedy="use s3://, gs:// or file://"
        ) from error
    return system, str(path)


def read_bytes(root: str, name: str) -> bytes:
    """Return the content of an image file.

    Raises
    ------
    ImageError
        It cannot be read. The error names `name`, so it is the same wherever `root` is.
    """
    place = joined(root, name)
    try:
        if not is_url(place):
            return Path(place).read_bytes()
        system, path = file_system(place)
        return bytes(system.cat_file(path))
    except FileNotFoundError as error:
        raise ImageError("there is no such file", subject=name, remedy="check the path") from error
    except OSError as error:
        spoken = (error.strerror or "the storage refused it").lower()
        raise ImageError(f"cannot be read: {spoken}", subject=name, remedy="retry later") from error
    except RadscribeError:
        raise
    except Exception as error:  # each file system of fsspec has its own exceptions
        raise ImageError(
            f"cannot be read: {type(error).__name__}", subject=name, remedy="check the URL and your access"
        ) from error


class Folder:
    """A folder for results. Each file in it is complete or not there.

    Parameters
    ----------
    place : str
        Path or URL.
    """

    def __init__(self, place: str) -> None:
        self.place = without_file_scheme(place)
        self._system: Any = None
        self._path = self.place
        if is_url(self.place):
            self._system, self._path = file_system(self.place)
        self._atomic = self.place.partition("://")[0] in OBJECT_STORES

    def __str__(self) -> str:
        return self.place

    def names(self) -> set[str]:
        """Return the names of its complete files; empty if there is no such folder."""
        if self._system is None:
            with writing(Path(self._path)):
                found = list(Path(self._path).iterdir()) if Path(self._path).is_dir() else []
            return {path.name for path in found if not path.name.startswith(".")}
        with self._remote():
            self._system.invalidate_cache()
            listed = self._system.find(self._path, maxdepth=1)
        return {name for path in listed if not (name := path.rpartition("/")[2]).startswith(".")}

    def open(self, name: str) -> BinaryIO:
        """Open one of its files for reading."""
        if self._system is None:
            with writing(Path(self._path, name)):
                return Path(self._path, name).open("rb")
        with self._remote():
            return cast(BinaryIO, self._system.open(f"{self._path}/{name}", "rb"))

    @contextmanager
    def create(self, name: str, replace: bool = True) -> Iterator[BinaryIO]:
        """Write a file that appears under its name when the block ends without an error.

        Parameters
        ----------
        name : str
            The file's name.
        replace : bool
            Whether the new file replaces one that another process has made in the meantime. Object stores
            always replace.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        if self._system is not None:
            with tempfile.TemporaryFile() as file:
                yield file
                file.seek(0)
                self._upload(file, name)
            return
        folder = make_folder(Path(self._path))
        partial = folder / f".{name}.{uuid.uuid4().hex}{PARTIAL}"  # two workers may write the same file
        try:
            with writing(folder / name):
                with partial.open("wb") as local:
                    yield local
                    local.flush()
                    os.fsync(local.fileno())
                if replace:
                    partial.replace(folder / name)
                else:
                    with suppress(FileExistsError):
                        os.link(partial, folder / name)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Write a file as a whole; see `create` for what is raised."""
        with self.create(name) as file:
            file.write(content)

    def sweep(self) -> None:
        """Delete what killed workers have left half written. Call it when nobody writes any more."""
        if self._system is None:
            for partial in Path(self._path).glob(f".*{PARTIAL}"):
                with suppress(OSError):
                    partial.unlink()

    def _upload(self, file: BinaryIO, name: str) -> None:
        target = f"{self._path}/{name}"
        temporary = target if self._atomic else f"{self._path}/.{name}.{uuid.uuid4().hex}{PARTIAL}"
        with self._remote():
            if not self._atomic:  # it would make a bucket whose name is a slip
                self._system.makedirs(self._path, exist_ok=True)
            with self._system.open(temporary, "wb") as remote:
                shutil.copyfileobj(file, remote, 1 << 22)
            if temporary != target:
                self._system.mv(temporary, target)

    @contextmanager
    def _remote(self) -> Iterator[None]:
        try:
            yield
        except RadscribeError:
            raise
        except Exception as error:  # each file system of fsspec has its own exceptions
            raise OutputError(
                f"cannot be used: {type(error).__name__}",
                subject=self.place,
                remedy="check the URL and your access",
            ) from error
