"""Image files by what they hold: `ab/abcdef….png`, named by the SHA-256 of their bytes."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".partial"


class ImageFolder:
    """Files that are written once, whole, and shared by all studies with the same picture."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        for byte in range(256):
            (folder / f"{byte:02x}").mkdir(parents=True, exist_ok=True)
        for partial in folder.glob(f"*/*{TEMPORARY}"):  # what a crash left half-written
            partial.unlink()
        _sync_folder(folder)

    def path(self, file: str) -> Path:
        """Where a file lies."""
        return self.folder / file[:2] / file

    def name(self, data: bytes, suffix: str) -> str:
        """The name of what is to be kept."""
        return hashlib.sha256(data).hexdigest() + suffix

    @contextmanager
    def holding(self, files: Iterable[str]) -> Iterator[None]:
        """While in the block, `remove` leaves these files: a row with them is about to be written."""
        files = list(files)
        with self._lock:
            self._held.update(files)
        try:
            yield
        finally:
            with self._lock:
                self._held.subtract(files)
                self._held += Counter()  # drops zeros

    def put(self, file: str, data: bytes) -> None:
        """Write a file, on disk when this returns; one that is there is left."""
        path = self.path(file)
        if path.exists():  # perhaps since a moment ago, by another thread
            _sync_folder(path.parent)
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=TEMPORARY, delete=False) as partial:
            try:
                partial.write(data)
                partial.flush()
                os.fsync(partial.fileno())
                Path(partial.name).replace(path)
            except BaseException:
                Path(partial.name).unlink(missing_ok=True)
                raise
        _sync_folder(path.parent)

    def remove(self, files: Iterable[str]) -> list[str]:
        """Remove files that nobody holds; returns those that were removed."""
        removed: list[str] = []
        with self._lock:
            for file in files:
                if not self._held[file] and self.path(file).is_file():
                    self.path(file).unlink()
                    removed.append(file)
        return removed

    def files(self) -> Iterator[str]:
        """All whole files."""
        return (path.name for path in self.folder.glob("*/*") if path.suffix != TEMPORARY)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
