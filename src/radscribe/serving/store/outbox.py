"""The outbox: which objects of which results are still to be sent, and where the others went.

A row is written in the transaction that writes the draft or the review, so there is a row per object exactly
once. It stays after the object was sent, as the proof that it was.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, case, delete, exists, func, insert, or_, select, update

from radscribe.serving.store.clock import clock
from radscribe.serving.store.records import Shipping
from radscribe.serving.store.tables import identities, now, outbox, studies

WAITING, SENT = "waiting", "sent"
FAILED = "failed"  # given up, until somebody asks for another try
OBSOLETE = "obsolete"  # given up, and by now a later version has arrived
NOW = 0.0  # `due` of an object that was never tried, or that somebody wants to be sent now
REFUSALS = 10  # of one object, about nine minutes from the first to the last; then it is given up
LEASE_SECONDS = 300.0  # longer than any destination takes to fail; then another try may begin
FIRST_SECONDS = 1.0  # from a failure to the next try; each one doubles it
LAST_SECONDS = 60.0  # the most that it becomes while a destination is down


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An object that is to be sent.

    Parameters
    ----------
    version : int
        0 for the draft, n for its n-th review.
    attempts : int
        Tries that failed.
    refusals : int
        Those of them in which the destination refused the object.
    """

    study_id: str
    version: int
    destination: str
    kind: str
    attempts: int
    refusals: int = 0


def add(connection: Connection, study_id: str, version: int, shippings: Sequence[Shipping]) -> None:
    """Add the objects of a draft or a review; a study that came without its identity has none."""
    if not shippings:
        return
    sealed = select(identities.c.study_id).where(
        identities.c.study_id == study_id, identities.c.sealed.is_not(None)
    )
    if connection.execute(sealed).first() is None:
        return
    rows = [
        {
            "study_id": study_id,
            "version": version,
            "destination": shipping.destination,
            "kind": kind,
            "state": WAITING,
            "attempts": 0,
            "due": NOW,
            "created": now(),
        }
        for shipping in shippings
        for kind in (shipping.verified if version else shipping.draft)
    ]
    if rows:
        connection.execute(insert(outbox), rows)


def claim(connection: Connection, destination: str, *, retries: bool = True) -> OutboxRow | None:
    """Take the oldest object that is due, for `LEASE_SECONDS`.

    An object waits for the earlier versions of its kind: those of the same study, and those of a study that
    it supersedes. So a receiver never sees a version before the one that it refers to.

    Parameters
    ----------
    retries : bool
        Whether objects that failed are due again after a while. Otherwise only those are that were never
        tried, and those that somebody wants to be sent now.
    """
    earlier = outbox.alias("earlier")
    same = and_(
        earlier.c.destination == outbox.c.destination,
        earlier.c.kind == outbox.c.kind,
        # An expression, so that the primary key is used: the index of states would read the whole backlog.
        earlier.c.state.concat("") == WAITING,
    )
    older = and_(earlier.c.study_id == outbox.c.study_id, earlier.c.version < outbox.c.version)
    before = select(studies.c.supersedes).where(studies.c.id == outbox.c.study_id).correlate(outbox)
    superseded = earlier.c.study_id == before.scalar_subquery()
    # Two, because an "or" uses no key.
    blocked = or_(*(exists().where(same, which).correlate(outbox) for which in (older, superseded)))
    found = connection.execute(
        select(outbox)
        .where(
            outbox.c.destination == destination,
            outbox.c.state == WAITING,
            outbox.c.due <= (clock() if retries else NOW),
            ~blocked,
        )
        .order_by(outbox.c.due, outbox.c.created, outbox.c.version, outbox.c.kind)
        .limit(1)
        .with_for_update(of=outbox, skip_locked=True)
    ).first()
    if found is None:
        return None
    row = OutboxRow(
        found.study_id, found.version, found.destination, found.kind, found.attempts, found.refusals
    )
    connection.execute(update(outbox).where(_is(row)).values(due=clock() + LEASE_SECONDS))
    return row


def mark_sent(connection: Connection, row: OutboxRow) -> bool:
    """Record that an object has arrived; False if that was recorded before, or the study is gone.

    Earlier versions that were given up become obsolete: sent now, one could take the place of the later one.
    """
    changed = connection.execute(
        update(outbox)
        .where(_is(row), outbox.c.state == WAITING)
        .values(state=SENT, sent=now(), error=None, attempts=row.attempts + 1)
    )
    if changed.rowcount:
        older = and_(outbox.c.study_id == row.study_id, outbox.c.version < row.version)
        before = outbox.c.study_id.in_(_ancestors(connection, row.study_id))
        mine = and_(outbox.c.destination == row.destination, outbox.c.kind == row.kind, or_(older, before))
        given_up = outbox.c.state.in_((WAITING, FAILED))  # one that waits was given up, and is tried again
        connection.execute(update(outbox).where(mine, given_up).values(state=OBSOLETE))
    return bool(changed.rowcount)


def _ancestors(connection: Connection, study_id: str) -> list[str]:
    """The studies that a study supersedes, directly or not."""
    found: list[str] = []
    latest: str | None = study_id
    while latest := connection.scalar(select(studies.c.supersedes).where(studies.c.id == latest)):
        found.append(latest)
    return found


def wait(failures: int) -> float:
    """Seconds from the last of some failures in a row to the next try, while a destination is down."""
    return min(LAST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 20))


def mark_failed(
    connection: Connection, row: OutboxRow, error: str, *, refused: bool = False, final: bool = False
) -> bool:
    """Record why an object has not arrived, and when to try again; return whether it is given up.

    Parameters
    ----------
    refused : bool
        Whether the destination refused this object. The waits double from one refusal to the next, also after
        a long outage, and the object is given up after `REFUSALS` of them.
    final : bool
        Whether no further try can succeed.
    """
    seconds = FIRST_SECONDS * 2.0**row.refusals if refused else wait(row.attempts + 1)
    refusals = row.refusals + refused
    given_up = final or refusals >= REFUSALS
    values = {
        "attempts": row.attempts + 1,
        "refusals": refusals,
        "error": error[:500],
        "due": clock() + (0.0 if given_up else seconds),
        "state": FAILED if given_up else WAITING,
    }
    changed = connection.execute(update(outbox).where(_is(row), outbox.c.state == WAITING).values(values))
    return given_up and bool(changed.rowcount)


def resume(connection: Connection) -> None:
    """Make all that waits due, also what a process was sending when it died. No other process may run."""
    due = case((outbox.c.attempts == 0, NOW), else_=clock())
    connection.execute(update(outbox).where(outbox.c.state == WAITING).values(due=due))


def retry_now(connection: Connection, *, study_id: str | None = None, destination: str | None = None) -> int:
    """Make objects that wait or were given up due; return their number.

    Parameters
    ----------
    study_id, destination : str, optional
        Only those of this study, and for this destination.
    """
    chosen = update(outbox).where(outbox.c.state.in_((WAITING, FAILED)))
    if study_id is not None:
        chosen = chosen.where(outbox.c.study_id == study_id)
    if destination is not None:
        chosen = chosen.where(outbox.c.destination == destination)
    return connection.execute(chosen.values(state=WAITING, due=NOW, refusals=0)).rowcount


def drop(connection: Connection, study_id: str) -> None:
    """Remove the rows of a study that is deleted: it has nothing left to send."""
    connection.execute(delete(outbox).where(outbox.c.study_id == study_id))


def of_studies(connection: Connection, study_ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what the page shows of each study's results."""
    rows = connection.execute(
        select(outbox)
        .where(outbox.c.study_id.in_(study_ids))
        .order_by(outbox.c.study_id, outbox.c.version, outbox.c.destination, outbox.c.kind)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        keys = ("version", "destination", "kind", "state", "attempts", "error", "sent")
        found.setdefault(row.study_id, []).append({key: getattr(row, key) for key in keys})
    return found


def unsent(connection: Connection, state: str) -> dict[str, tuple[int, str]]:
    """Return the number of objects in a state per destination, and when the oldest of them was made."""
    rows = connection.execute(
        select(outbox.c.destination, func.count(), func.min(outbox.c.created))
        .where(outbox.c.state == state)
        .group_by(outbox.c.destination)
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def last_error(connection: Connection, destination: str) -> str | None:
    """Return why the object of a destination that failed last did not arrive."""
    unsent = (outbox.c.destination == destination) & outbox.c.state.in_((WAITING, FAILED))
    return connection.scalar(
        select(outbox.c.error)
        .where(unsent, outbox.c.error.is_not(None))
        .order_by(outbox.c.due.desc())
        .limit(1)
    )


def _is(row: OutboxRow) -> Any:
    return and_(
        outbox.c.study_id == row.study_id,
        outbox.c.version == row.version,
        outbox.c.destination == row.destination,
        outbox.c.kind == row.kind,
    )
