"""Limits that hold for all replicas together: attempts to sign in, uploads per minute, one-time states.

The database holds a hash of whom a counter is about, and times by its own clock.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import Connection, case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from radscribe.serving.store.clock import clock
from radscribe.serving.store.store import Store
from radscribe.serving.store.tables import counters

FORGOTTEN_SECONDS = 86400.0
FRESH_SECONDS = 1.0  # for which this process believes what it has read
KEPT = 10_000  # of them


class Counters:
    """Counts events of a client within a window of time.

    Parameters
    ----------
    store : Store
        Its database holds the counters.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def count(self, key: str, seconds: float) -> tuple[int, float]:
        """Count an event.

        Returns
        -------
        count : int
            Events in the current window, this one included.
        left : float
            Seconds until the window ends.
        """
        return self._store.write(_count, _hashed(key), seconds).result()

    def first(self, key: str, seconds: float) -> bool:
        """Count an event, and tell whether it is the first one in the window."""
        return self.count(key, seconds)[0] == 1


@dataclass(frozen=True, slots=True)
class _Seen:
    """The counts of a client in the database, and when they were read."""

    at: float
    failures: int
    until: float  # by this process's monotonic clock


class Attempts:
    """Slows down guessing: after some failures in a row, each further one doubles the wait.

    Parameters
    ----------
    store : Store
        Its database holds the failures, so that they count for all replicas.
    free : int
        Failures without a wait.
    longest : float
        Seconds of a wait at most.
    """

    def __init__(self, store: Store, free: int = 10, longest: float = 300.0) -> None:
        self._store, self._free, self._longest = store, free, longest
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, who: str) -> float:
        """Return the seconds until the next attempt is allowed; 0 if it is allowed now.

        A failure that another replica counted is known after a second.
        """
        seen = self._seen.get(who)
        if seen is None or time.monotonic() - seen.at > FRESH_SECONDS:
            failures, left = self._store.read(_failures, _hashed(f"sign-in {who}"))
            seen = self._keep(who, failures, left)
        return max(0.0, seen.until - time.monotonic())

    def failed(self, who: str) -> int:
        """Record a failure and return the number of consecutive failures."""
        count, wait = self._store.write(_fail, _hashed(f"sign-in {who}"), self._free, self._longest).result()
        self._keep(who, count, wait)
        return count

    def succeeded(self, who: str) -> None:
        """Forget the failures."""
        seen = self._seen.get(who)
        if seen is not None and seen.failures:
            self._store.write(_forget, _hashed(f"sign-in {who}")).result()
            self._keep(who, 0, 0.0)

    def _keep(self, who: str, failures: int, left: float) -> _Seen:
        moment = time.monotonic()
        seen = _Seen(moment, failures, moment + left)
        with self._lock:
            self._seen.pop(who, None)
            self._seen[who] = seen
            while len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        return seen


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _upsert(connection: Connection) -> postgresql.Insert | sqlite.Insert:
    postgres = connection.dialect.name == "postgresql"
    return postgresql.insert(counters) if postgres else sqlite.insert(counters)


def _count(connection: Connection, key: str, seconds: float) -> tuple[int, float]:
    over = counters.c.until < clock()
    counted = (
        _upsert(connection)
        .values(key=key, count=1, until=clock() + seconds)
        .on_conflict_do_update(
            index_elements=[counters.c.key],
            set_={
                "count": case((over, 1), else_=counters.c.count + 1),
                "until": case((over, clock() + seconds), else_=counters.c.until),
            },
        )
        .returning(counters.c.count, counters.c.until - clock())
    )
    count, left = connection.execute(counted).one()
    return count, max(0.0, left)


def _failures(connection: Connection, key: str) -> tuple[int, float]:
    """Failures of a client, and the seconds until its next attempt is allowed."""
    found = connection.execute(
        select(counters.c.count, counters.c.until - clock()).where(counters.c.key == key)
    ).one_or_none()
    return (0, 0.0) if found is None else (found[0], max(0.0, found[1]))


def _fail(connection: Connection, key: str, free: int, longest: float) -> tuple[int, float]:
    """Count a failure; return the failures and the wait that follows."""
    connection.execute(delete(counters).where(counters.c.until < clock() - FORGOTTEN_SECONDS))
    failure = _upsert(connection).values(key=key, count=1, until=clock())
    failure = failure.on_conflict_do_update(
        index_elements=[counters.c.key], set_={"count": counters.c.count + 1}
    )
    count: int = connection.execute(failure.returning(counters.c.count)).scalar_one()
    extra = count - free
    wait = min(longest, 2.0 ** min(extra, 20)) if extra >= 0 else 0.0
    connection.execute(update(counters).where(counters.c.key == key).values(until=clock() + wait))
    return count, wait


def _forget(connection: Connection, key: str) -> None:
    connection.execute(delete(counters).where(counters.c.key == key))
