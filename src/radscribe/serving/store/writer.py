"""One thread that writes: what waits is committed together, so that many studies share one fsync."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")
Operation = Callable[[Connection], Any]
TOGETHER = 256  # operations of a transaction at most


class Writer:
    """Runs operations in the order they come, each in a transaction that others may share.

    The future of an operation is done when it is committed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: SimpleQueue[tuple[Operation, Future[Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Callable[[Connection], T]) -> Future[T]:
        """Have an operation run; its future gives what it returned, or its error."""
        future: Future[T] = Future()
        self._waiting.put((operation, future))
        return future

    def close(self) -> None:
        """Write what waits, and end."""
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
                results = [operation(connection) for operation, _ in batch]
        except Exception as error:  # noqa: BLE001  it goes to whoever asked for the operation
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for item in batch:  # one of them is at fault: each for itself
                self._commit([item])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
