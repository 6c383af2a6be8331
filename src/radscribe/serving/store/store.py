"""`Store`: the database, the image folder and the writer.

With SQLite, one process owns a store. With PostgreSQL, any number of replicas share it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, select

from radscribe.errors import RadscribeError
from radscribe.serving.store import reads, writes
from radscribe.serving.store.bucket import ImageBucket
from radscribe.serving.store.database import (
    locked_file,
    open_database,
    protected_files,
    serialise,
    truncate_log,
    try_to_own,
)
from radscribe.serving.store.images import ImageFolder
from radscribe.serving.store.records import new_id
from radscribe.serving.store.tables import identity

P = ParamSpec("P")
T = TypeVar("T")
Operation = Callable[[Connection], Any]
TOGETHER = 256  # operations of a transaction at most
LOCK = "lock"
IMAGES = "images"
CACHE = "cache"  # copies of images in a bucket
AT_ONCE = 200  # studies that one sweep's transaction erases


class Store:
    """The persistent state of the service.

    Parameters
    ----------
    folder : Path
        Folder of the store. It is created if it is missing; only its owner can read it.
    url : str, optional
        URL of the database (default: SQLite in the folder).
    images : str, optional
        Folder or bucket (`s3://bucket/prefix`) of the images (default: `images` in the folder).

    Attributes
    ----------
    shared : bool
        Whether other replicas may use it at the same time.
    replica : str
        Id of this process among the replicas.

    Raises
    ------
    RadscribeError
        Another process uses the SQLite file or its folder, the database does not open, or the images are
        another store's.
    """

    def __init__(self, folder: Path, url: str | None = None, images: str | None = None) -> None:
        self.folder = folder.resolve()
        self.replica = new_id()
        self.shared = url is not None and not url.startswith("sqlite")
        with ExitStack() as held:
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self.folder.chmod(0o700)  # whatever the umask, even if the folder existed before
                if not self.shared:
                    held.enter_context(locked_file(self.folder / LOCK, self.folder))
                self.images = self._open_images(images)
            except OSError as error:
                raise RadscribeError(
                    f"cannot be the store: {error.strerror}", subject=folder, remedy="name another --store"
                ) from error
            self.engine, writing = held.enter_context(open_database(self.folder, url))
            self._check_identity()
            self.writer = Writer(writing)
            self._held = held.pop_all()

    def close(self) -> None:
        """Finish waiting writes and release all resources."""
        self.writer.close()
        self._held.close()

    def _open_images(self, images: str | None) -> ImageFolder:
        if images is not None and "://" in images:
            return ImageBucket(images, self.folder / CACHE)
        return ImageFolder(Path(images) if images else self.folder / IMAGES, shared=self.shared)

    def _check_identity(self) -> None:
        """Refuse the images of another store: its files would be removed, as no study here refers to them."""
        own = str(self.read(_identity))
        found = self.images.mark(own)
        if found != own:
            raise RadscribeError(
                "holds the images of another database",
                subject=self.images.folder,
                remedy="name the --database that belongs to it, or another --store",
            )

    def read(self, query: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query of `reads`."""
        with self.engine.connect() as connection:
            return query(connection, *args, **kwargs)

    def write(
        self, operation: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Submit an operation of `writes`; the future completes when it is committed."""
        return self.writer.submit(lambda connection: operation(connection, *args, **kwargs))

    def lease(
        self, operation: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run an operation of `leases`, which waits for no other writer of PostgreSQL."""
        if not self.shared:
            return self.write(operation, *args, **kwargs).result()
        with self.engine.begin() as connection:
            return operation(connection, *args, **kwargs)

    @contextmanager
    def holding(self, files: Iterable[str]) -> Iterator[None]:
        """Protect image files from removal within the block, until a row that refers to them is written."""
        files = sorted(set(files))
        with self.images.holding(files), protected_files(self.engine, files):
            yield

    def delete(self, study_id: str, actor: str) -> bool:
        """Mark a study as deleted and remove its images; return False if it was deleted before."""
        files = self.write(writes.mark_deleted, study_id, actor).result()
        self._remove(files or ())
        return files is not None

    def _remove(self, files: Sequence[str]) -> None:
        """Remove the files that no study refers to.

        A study that is about to be written holds its files (`holding`). Otherwise the writer both checks and
        removes, so no study that refers to such a file is written in between.
        """

        def remove(connection: Connection) -> None:
            owned = [file for file in files if try_to_own(connection, file)]
            self.images.remove(writes.unreferred(connection, owned))

        if files:
            self.writer.submit(remove).result()

    def sweep(self, retain_days: float | None) -> int:
        """Erase studies older than `retain_days`, and unused images; return the number of erased studies."""
        erased = 0
        if retain_days is not None:
            limit = (datetime.now(UTC) - timedelta(days=retain_days)).isoformat(timespec="milliseconds")
            while ids := self.read(reads.created_before, limit, AT_ONCE):
                self._remove(self.write(_erase_all, ids).result())
                erased += len(ids)
            truncate_log(self.engine)
        names = list(self.images.files())
        for start in range(0, len(names), AT_ONCE):
            self._remove(names[start : start + AT_ONCE])
        return erased


def _identity(connection: Connection) -> str | None:
    return connection.scalar(select(identity.c.id))


def _erase_all(connection: Connection, study_ids: Sequence[str]) -> list[str]:
    return [file for study_id in study_ids for file in writes.erase(connection, study_id)]


class Writer:
    """Runs operations in order of submission, several per transaction.

    The future of an operation completes when it is committed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: SimpleQueue[tuple[Operation, Future[Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Callable[[Connection], T]) -> Future[T]:
        """Submit an operation; its future gives the result or the error."""
        future: Future[T] = Future()
        with self._lock:  # nothing comes behind the end, where nobody would run it
            if self._closed:
                raise RuntimeError("the store is closed")
            self._waiting.put((operation, future))
        return future

    def close(self) -> None:
        """Finish waiting operations, then stop."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        ends = False
        while not ends:
            batch = [self._waiting.get()]
            while len(batch) < TOGETHER and not self._waiting.empty():
                batch.append(self._waiting.get())
            ends = None in batch
            self._commit([item for item in batch if item is not None])

    def _commit(self, batch: list[tuple[Operation, Future[Any]]]) -> None:
        if not batch:
            return
        try:
            with self._engine.begin() as connection:
                serialise(connection)
                results = [operation(connection) for operation, _ in batch]
        except Exception as error:  # noqa: BLE001  the caller gets it through its future
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for item in batch:  # one of them is at fault: each for itself
                self._commit([item])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
