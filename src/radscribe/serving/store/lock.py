"""What keeps a second process off: a lock on a file, or one that PostgreSQL holds."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from radscribe.errors import RadscribeError

KEY = 0x7261647363726962  # "radscrib": among the advisory locks of a database


@contextmanager
def locked_file(path: Path, subject: str | Path) -> Iterator[None]:
    """Hold the lock of a file, which is made; raises `RadscribeError` where another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _in_use(subject) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_database(engine: Engine) -> Iterator[None]:
    """Hold a database, wherever its images are; raises `RadscribeError` where another process does."""
    if engine.dialect.name == "sqlite":
        file = Path(engine.url.database or "").resolve()
        with locked_file(file.with_name(f"{file.name}.lock"), file):
            yield
        return
    # A connection of its own: the lock ends with it.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": KEY}):
            raise _in_use(engine.url.render_as_string(hide_password=True))
        yield


def _in_use(subject: str | Path) -> RadscribeError:
    return RadscribeError(
        "is in use by another radscribe", subject=subject, remedy="stop it or name another one"
    )
