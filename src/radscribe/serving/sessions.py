"""Sessions of the page. The service keeps them, so signing out invalidates every copy of the cookie."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from radscribe.serving.credentials import SESSION_SECONDS, Credentials, Identity, digest
from radscribe.serving.store import writes
from radscribe.serving.store.store import Store
from radscribe.serving.store.tables import now, sessions

PROVIDED = "oidc."  # before the random part of the value
MOST = 32  # sessions of a user; opening another one ends the oldest


class Sessions:
    """Sessions in the database, so that a sign-in and a sign-out hold for all replicas at once.

    Parameters
    ----------
    store : Store
        Keeps sessions across restarts. It holds a hash of the cookie's value, never the value.
    credentials : Credentials
        Says whether the user of a session still exists.
    """

    def __init__(self, store: Store, credentials: Credentials) -> None:
        self._store, self._credentials = store, credentials

    def open(self, identity: Identity, *, from_provider: bool = False) -> str:
        """Open a session and return the cookie's value; it expires after `SESSION_SECONDS`.

        Parameters
        ----------
        from_provider : bool
            Whether an identity provider vouched for the identity. The value says so for as long as it lives.
        """
        key = (PROVIDED if from_provider else "") + secrets.token_urlsafe(32)
        ends = (datetime.now(UTC) + timedelta(seconds=SESSION_SECONDS)).isoformat(timespec="milliseconds")
        ends = ends.replace("+00:00", "Z")
        self._store.write(_add, digest(key).hex(), identity, ends).result()
        return key

    def find(self, key: str) -> Identity | None:
        """Return the identity of a session, or None if it has ended or is unknown."""
        identity = self._store.read(_find, digest(key).hex())
        if identity is None:
            return None
        return self._credentials.still(identity, from_provider=key.startswith(PROVIDED))

    def close(self, key: str) -> None:
        """End a session."""
        hashed = digest(key).hex()
        identity = self._store.read(_find, hashed)
        if identity is not None:
            self._store.write(_remove, hashed, identity.name).result()


def _find(connection: Connection, hashed: str) -> Identity | None:
    mine = (sessions.c.digest == hashed) & (sessions.c.ends > now())
    row = connection.execute(select(sessions.c.actor, sessions.c.role).where(mine)).one_or_none()
    return None if row is None else Identity(row.actor, row.role)


def _add(connection: Connection, hashed: str, identity: Identity, ends: str) -> None:
    connection.execute(delete(sessions).where(sessions.c.ends <= now()))
    newest = (
        select(sessions.c.digest)
        .where(sessions.c.actor == identity.name)
        .order_by(sessions.c.ends.desc())
        .limit(MOST - 1)
    )
    crowded = (sessions.c.actor == identity.name) & sessions.c.digest.not_in(newest.scalar_subquery())
    connection.execute(delete(sessions).where(crowded))
    connection.execute(
        insert(sessions).values(
            digest=hashed, actor=identity.name, role=identity.role, created=now(), ends=ends
        )
    )
    writes.record(connection, "", identity.name, "signed in")


def _remove(connection: Connection, hashed: str, actor: str) -> None:
    connection.execute(delete(sessions).where(sessions.c.digest == hashed))
    writes.record(connection, "", actor, "signed out")
