"""Image files in a bucket (`s3://` or what else fsspec knows), with copies on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from radscribe.errors import RadscribeError, UsageError
from radscribe.serving.store.images import IDENTITY, TEMPORARY, ImageFolder

CACHE_BYTES = 2 << 30  # of copies at most
CACHE_SECONDS = 120.0  # a copy that young may be waiting for the engine
PRUNED_AFTER = 64  # copies


class BucketError(OSError):
    """The bucket does not answer, or refuses; the message holds no credentials."""


class ImageBucket(ImageFolder):
    """A bucket of image files, each under `ab/abcdef….png`.

    Parameters
    ----------
    url : str
        The bucket, and perhaps a prefix. Credentials come from where the library looks for them
        (`AWS_ACCESS_KEY_ID`, a role, …).
    cache : Path
        Folder on this machine for copies of files, which the engine and the page read.

    Raises
    ------
    UsageError
        The library for this kind of URL is not installed.
    RadscribeError
        The bucket cannot be reached.
    """

    def __init__(self, url: str, cache: Path) -> None:
        super().__init__(cache, shared=True)
        self.url = url
        self._copied = 0
        self._pruning = threading.Lock()
        try:
            from fsspec.core import url_to_fs

            # Other replicas change the bucket: no listing is remembered.
            files, root = url_to_fs(url, use_listings_cache=False)
        except ImportError:
            raise UsageError(
                "this kind of image store needs fsspec and its library for it",
                subject=f"--images {url}",
                remedy='run: pip install ".[s3]" in the checkout',
            ) from None
        except ValueError:
            raise UsageError("is no folder and no bucket", subject=f"--images {url}") from None
        self._files: Any = files
        self._root = str(root).rstrip("/")
        try:
            self._exists(IDENTITY)
        except BucketError as error:
            raise RadscribeError(
                str(error), subject=url, remedy="check its name, the credentials and the network"
            ) from error

    def _remote(self, file: str) -> str:
        return f"{self._root}/{file[:2]}/{file}" if file != IDENTITY else f"{self._root}/{file}"

    def _exists(self, file: str) -> bool:
        with _errors():
            return bool(self._files.exists(self._remote(file)))

    def mark(self, store: str) -> str:
        with _errors():
            if not self._files.exists(self._remote(IDENTITY)):
                self._files.pipe_file(self._remote(IDENTITY), f"{store}\n".encode())
            return str(self._files.cat_file(self._remote(IDENTITY)).decode().strip())

    def path(self, file: str) -> Path:
        """Return the path of a copy, which is fetched if need be; there is none if the file was removed."""
        local = super().path(file)
        if not local.is_file():
            with self.writing() as partial, suppress(FileNotFoundError), _errors():
                self._files.get_file(self._remote(file), partial.name)
                Path(partial.name).replace(local)
            self._prune()
        return local

    def keep(self, partial: IO[bytes], file: str) -> None:
        """Give a written file its name in the bucket; an existing file of this name stays."""
        partial.flush()
        if not self._exists(file):
            with _errors():
                self._files.put_file(partial.name, self._remote(file))
        Path(partial.name).replace(super().path(file))
        self._prune()

    def _remove(self, file: str) -> bool:
        super().path(file).unlink(missing_ok=True)
        with suppress(FileNotFoundError), _errors():
            self._files.rm_file(self._remote(file))
            return True
        return False

    def files(self) -> Iterator[str]:
        """Return the names of all files, in the bucket and among the copies."""
        with _errors():
            found = {str(name).rsplit("/", 1)[-1] for name in self._files.find(self._root)}
        yield from sorted((found | set(super().files())) - {IDENTITY})

    def _prune(self) -> None:
        """Now and then, remove the oldest copies beyond `CACHE_BYTES`."""
        self._copied += 1
        if self._copied % PRUNED_AFTER or not self._pruning.acquire(blocking=False):
            return
        try:
            found = []
            for path in self.folder.glob("*/*"):
                with suppress(FileNotFoundError):
                    if path.suffix != TEMPORARY:
                        found.append((path.stat().st_mtime, path.stat().st_size, path))
            total = sum(size for _, size, _ in found)
            for written, size, path in sorted(found):
                if total <= CACHE_BYTES or written > time.time() - CACHE_SECONDS:
                    break
                path.unlink(missing_ok=True)
                total -= size
        finally:
            self._pruning.release()


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:  # each kind of bucket raises its own
        raise BucketError(f"the bucket of images does not answer ({type(error).__name__})") from error
