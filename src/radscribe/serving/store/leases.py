"""Leases: which replica captions a study.

A replica keeps one row with the time at which it counts as dead; studies name the replica that captions them.
So renewing all leases is one statement on one row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from radscribe.serving.store import reads
from radscribe.serving.store.clock import clock
from radscribe.serving.store.reads import StoredStudy
from radscribe.serving.store.tables import UNFINISHED, replicas, studies

LEASE_SECONDS = 15.0
RENEW_SECONDS = 3.0


def renew(connection: Connection, replica: str) -> None:
    """Extend the lease of a replica's studies, or register a new one; forget replicas long dead."""
    ends = clock() + LEASE_SECONDS
    changed = connection.execute(update(replicas).where(replicas.c.id == replica).values(ends=ends))
    if not changed.rowcount:
        connection.execute(delete(replicas).where(replicas.c.ends < clock() - 3600))
        connection.execute(insert(replicas).values(id=replica, ends=ends))


def end_all(connection: Connection) -> None:
    """End every lease, when no other process can be using the store."""
    connection.execute(delete(replicas))


def release(connection: Connection, replica: str) -> None:
    """End a replica's lease in an orderly way, so that others take its studies at once."""
    mine = (studies.c.lease == replica) & studies.c.status.in_(UNFINISHED)
    connection.execute(update(studies).where(mine).values(lease=None, status="queued"))
    connection.execute(delete(replicas).where(replicas.c.id == replica))


def claim(connection: Connection, replica: str, most: int) -> list[StoredStudy]:
    """Take studies that no living replica has, oldest first.

    A study that was with the engine of a replica that died counts one more attempt. Rows that another
    replica is claiming at this moment are skipped.
    """
    alive = select(replicas.c.id).where(replicas.c.ends > clock())
    free = studies.c.lease.is_(None) | studies.c.lease.not_in(alive)
    found = connection.execute(
        select(studies.c.id, studies.c.status)
        .where(studies.c.status.in_(UNFINISHED), studies.c.deleted.is_(None), free)
        .order_by(studies.c.id)
        .limit(most)
        .with_for_update(of=studies, skip_locked=True)
    ).all()
    if not found:
        return []
    ids = [row.id for row in found]
    died = [row.id for row in found if row.status == "running"]
    if died:
        attempt = {"attempts": studies.c.attempts + 1}
        connection.execute(update(studies).where(studies.c.id.in_(died)).values(attempt))
    mine = {"lease": replica, "status": "queued"}
    connection.execute(update(studies).where(studies.c.id.in_(ids)).values(mine))
    return reads.of_ids(connection, ids)


def leased(connection: Connection, replica: str) -> list[StoredStudy]:
    """Return a replica's studies without a draft."""
    mine = (studies.c.lease == replica) & studies.c.status.in_(UNFINISHED)
    return reads.of_ids(connection, connection.execute(select(studies.c.id).where(mine)).scalars().all())


def finished(connection: Connection, study_ids: Collection[str]) -> Sequence[str]:
    """Return those studies that have a draft, were deleted or were erased."""
    open_ = select(studies.c.id).where(studies.c.id.in_(study_ids), studies.c.status.in_(UNFINISHED))
    left = set(connection.execute(open_).scalars())
    return [study_id for study_id in study_ids if study_id not in left]
