"""Open a SQLite or PostgreSQL database and migrate it.

SQLite serves one process, which holds a lock beside the file. PostgreSQL serves any number.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from radscribe.errors import RadscribeError, UsageError
from radscribe.serving.credentials import read_secret

FILE = "radscribe.sqlite3"
PASSWORD_FILE = "RADSCRIBE_DATABASE_PASSWORD_FILE"  # for a URL without a password
BUSY_SECONDS = 30
# Advisory locks of a PostgreSQL database: "radscrib", and one more.
MIGRATING = 0x7261647363726962
WRITING = MIGRATING + 1
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}

SILENT = (OperationalError, InterfaceError, NoConnectionError)  # it does not answer now; it may again


@contextmanager
def open_database(folder: Path, url: str | None) -> Iterator[tuple[Engine, Engine]]:
    """Open and migrate a database, and lock it if it is SQLite.

    Yields two engines: one for readers, and one for the writer, which never waits for a reader's connection.

    Raises
    ------
    UsageError
        The URL is of an unsupported database.
    RadscribeError
        The database cannot be reached, is in use, or is newer than this radscribe.
    """
    engine, writing = _engine(folder, url), _engine(folder, url)
    shown = engine.url.render_as_string(hide_password=True)
    with ExitStack() as held:
        try:
            held.enter_context(locked_file_of(engine))
            held.callback(engine.dispose)
            held.callback(writing.dispose)
            migrate(writing)
        except (SQLAlchemyError, OSError) as error:
            reason = str(getattr(error, "orig", None) or error)
            raise RadscribeError(
                f"the database does not open: {reason}",
                subject=shown,
                remedy="check that it runs and its URL",
            ) from error
        except CommandError as error:
            raise RadscribeError(
                f"the database is not one of this radscribe: {error}",
                subject=shown,
                remedy="update radscribe",
            ) from error
        yield engine, writing


def _engine(folder: Path, url: str | None) -> Engine:
    if url is None:
        url = f"sqlite:///{folder / FILE}"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(
            "is no database URL", subject="--database", remedy="see docs/guides/serving.md"
        ) from None
    if parsed.password is None and PASSWORD_FILE in os.environ:
        parsed = parsed.set(password=read_secret(Path(os.environ[PASSWORD_FILE])))
    in_memory = parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:")
    if parsed.drivername not in DRIVERS or in_memory:
        raise UsageError(
            "is in memory" if in_memory else f"is of {parsed.drivername}",
            subject="--database",
            remedy="give postgresql://user:password@host/name or sqlite:///file",
        )
    try:
        engine = create_engine(
            parsed.set(drivername=DRIVERS[parsed.drivername]),
            # A server may have been restarted since a connection was used; a file was not.
            pool_pre_ping=parsed.drivername != "sqlite",
            hide_parameters=True,  # an error goes to the log; texts and names do not
        )
    except ImportError:
        raise UsageError(
            "PostgreSQL needs psycopg",
            subject="--database",
            remedy='run: pip install ".[postgres]" in the checkout',
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, record: object) -> None:
    """Set up a connection: concurrent readers, durable commits, foreign keys, overwriting of erased rows."""
    connection.isolation_level = None  # else sqlite3 commits before and after it makes a table
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        f"busy_timeout = {BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def truncate_log(engine: Engine) -> None:
    """Empty SQLite's log, which still holds erased data."""
    if engine.dialect.name != "sqlite":
        return
    with closing(engine.raw_connection()) as connection:  # not in a transaction
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


@contextmanager
def open_for_reading(folder: Path, url: str | None) -> Iterator[Engine]:
    """Open a database that a service may be writing to, without locking or migrating it."""
    engine = _engine(folder, url)
    try:
        with engine.connect():
            pass
        yield engine
    except SILENT as error:
        raise RadscribeError(
            f"the database does not answer: {getattr(error, 'orig', None) or error}",
            subject=engine.url.render_as_string(hide_password=True),
            remedy="check that it runs and its URL",
        ) from error
    finally:
        engine.dispose()


def migrate(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that the database lacks, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # several replicas may start together
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@contextmanager
def locked_file(path: Path, subject: str | Path) -> Iterator[None]:
    """Create and lock a file; raises `RadscribeError` if another process holds the lock."""
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
def locked_file_of(engine: Engine) -> Iterator[None]:
    """Lock a SQLite database, wherever its images are; raises `RadscribeError` if another process has it."""
    if engine.dialect.name != "sqlite":
        yield
        return
    file = Path(engine.url.database or "").resolve()
    with locked_file(file.with_name(f"{file.name}.lock"), file):
        yield


def serialise(connection: Connection) -> None:
    """Let one writing transaction of all replicas run at a time.

    So each sees the last row of the audit trail, which the next one's hash covers, and none waits for a row
    that another one holds. SQLite does so by itself.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITING})


@contextmanager
def protected_files(engine: Engine, files: Iterable[str]) -> Iterator[None]:
    """Keep other replicas from removing image files within the block (`try_to_own`)."""
    keys = [{"key": _key(file)} for file in files]
    if engine.dialect.name != "postgresql" or not keys:
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            for key in keys:
                connection.execute(text("SELECT pg_advisory_lock_shared(:key)"), key)
            yield
        finally:
            try:
                connection.execute(text("SELECT pg_advisory_unlock_all()"))
            except SQLAlchemyError:
                connection.invalidate()  # a lock ends with its connection


def try_to_own(connection: Connection, file: str) -> bool:
    """Whether no replica protects a file; if so, none can protect it until this transaction ends."""
    if connection.dialect.name != "postgresql":
        return True
    taken = connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _key(file)})
    return bool(taken)


def _key(file: str) -> int:
    """The advisory lock of an image file, whose name begins with its SHA-256."""
    return int(file[:15], 16)


def _in_use(subject: str | Path) -> RadscribeError:
    return RadscribeError(
        "is in use by another radscribe", subject=subject, remedy="stop it or name another one"
    )
