"""Image files named by the SHA-256 of their bytes: `ab/abcdef….png`."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

TEMPORARY = ".partial"
IDENTITY = "store-id"
ABANDONED_SECONDS = 3600.0  # age of a temporary file in a shared folder that nobody writes any more


class ImageFolder:
    """A folder of image files. Each is written once and shared by all studies with the same picture.

    Parameters
    ----------
    shared : bool
        Whether other processes may be writing to it.
    """

    def __init__(self, folder: Path, *, shared: bool = False) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        for byte in range(256):
            (folder / f"{byte:02x}").mkdir(parents=True, exist_ok=True)
        abandoned = time.time() - ABANDONED_SECONDS if shared else float("inf")
        for pattern in (f"*{TEMPORARY}", f"*/*{TEMPORARY}"):  # files that a crash left incomplete
            for partial in folder.glob(pattern):
                with suppress(FileNotFoundError):  # another process removes it too
                    if partial.stat().st_mtime < abandoned:
                        partial.unlink()
        _sync_folder(folder)

    def mark(self, store: str) -> str:
        """Write the identity of a store beside the images, unless there is one; return the one there."""
        file = self.folder / IDENTITY
        try:
            with file.open("x", encoding="ascii") as new:
                new.write(f"{store}\n")
        except FileExistsError:
            for _ in range(50):  # another replica may be about to write it
                if written := file.read_text(encoding="ascii").strip():
                    return written
                time.sleep(0.1)
        return store

    def path(self, file: str) -> Path:
        """Return the path of a file, where the engine and the page read it."""
        return self.folder / file[:2] / file

    def name(self, data: bytes, suffix: str) -> str:
        """Return the name of the file for these bytes."""
        return hashlib.sha256(data).hexdigest() + suffix

    @contextmanager
    def holding(self, files: Iterable[str]) -> Iterator[None]:
        """Protect files from `remove` within the block, until a row that refers to them is written."""
        files = list(files)
        with self._lock:
            self._held.update(files)
        try:
            yield
        finally:
            with self._lock:
                self._held.subtract(files)
                self._held += Counter()  # drops zeros

    @contextmanager
    def writing(self) -> Iterator[IO[bytes]]:
        """Open a temporary file, which `keep` names; otherwise it is removed at the end of the block."""
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=TEMPORARY, delete=False) as partial:
            try:
                yield partial
            finally:
                Path(partial.name).unlink(missing_ok=True)

    def keep(self, partial: IO[bytes], file: str) -> None:
        """Give a written file its name and sync it to disk; an existing file of this name stays."""
        path = self.path(file)
        if not path.exists():
            partial.flush()
            os.fsync(partial.fileno())
            Path(partial.name).replace(path)
        _sync_folder(path.parent)

    def put(self, file: str, data: bytes) -> None:
        """Write a whole file."""
        with self.writing() as partial:
            partial.write(data)
            self.keep(partial, file)

    def remove(self, files: Iterable[str]) -> list[str]:
        """Remove files that are not held; return those that were removed."""
        removed: list[str] = []
        with self._lock:
            for file in files:
                if not self._held[file] and self._remove(file):
                    removed.append(file)
        return removed

    def _remove(self, file: str) -> bool:
        try:
            self.path(file).unlink()
        except FileNotFoundError:
            return False
        return True

    def files(self) -> Iterator[str]:
        """Return the names of all complete files."""
        return (path.name for path in self.folder.glob("*/*") if path.suffix != TEMPORARY)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
