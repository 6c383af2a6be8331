"""Every change of the store: an operation on a connection, with its row in the audit trail.

A draft is written once and never changed; reviews stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from radscribe.serving.problems import Problem
from radscribe.serving.store import chain, identities, outbox
from radscribe.serving.store.identities import IdentityRow
from radscribe.serving.store.records import Draft, ImageRow, Shipping
from radscribe.serving.store.tables import (
    UNFINISHED,
    audit,
    captions,
    findings,
    images,
    now,
    reviews,
    studies,
)

ATTEMPTS = 3  # deaths of the service over one study, after which it is given up
SYSTEM = "service"


class Superseded(Exception):
    """A study with these images was accepted meanwhile."""


def record(connection: Connection, /, study_id: str, actor: str, action: str, **details: Any) -> None:
    """Add a row to the audit trail.

    Parameters
    ----------
    study_id : str
        Id of the study; empty if the event concerns none.
    details : JSON values
        No text of the study: the trail outlives it.
    """
    values = (study_id, now(), actor, action, msgspec.json.encode(details).decode())
    columns = ("study_id", "at", "actor", "action", "details")
    chained = chain.link(chain.last(connection), *values)
    connection.execute(insert(audit).values(**dict(zip(columns, values, strict=True)), chain=chained))


def record_read(connection: Connection, study_id: str, actor: str, what: str) -> None:
    """Record that somebody read part of a study."""
    record(connection, study_id, actor, "read", what=what)


def add_study(
    connection: Connection,
    study_id: str,
    created: str,
    study: str,
    options: str,
    rows: Sequence[ImageRow],
    actor: str,
    lease: str | None = None,
    identity: IdentityRow | None = None,
    supersedes: str | None = None,
) -> None:
    """Add an accepted study to be captioned by the replica `lease`, or by any replica.

    Raises
    ------
    Superseded
        The study that came in by DICOM before is not `supersedes`: another replica accepted one meanwhile.
    """
    if identity is not None:
        newest = identities.newest(connection, identity.study_key)
        if (newest.study_id if newest else None) != supersedes:
            raise Superseded
    connection.execute(
        insert(studies).values(
            id=study_id,
            created=created,
            status="queued",
            study=study,
            options=options,
            attempts=0,
            lease=lease,
            supersedes=supersedes,
        )
    )
    connection.execute(insert(images), [{"study_id": study_id, **asdict(row)} for row in rows])
    if identity is not None:
        identities.add(connection, identity)
    record(connection, study_id, actor, "accepted", images=len(rows))


def mark_running(connection: Connection, study_ids: Sequence[str], replica: str) -> set[str]:
    """Mark studies as running, before the engine gets them; return those that are still the replica's."""
    mine = studies.c.id.in_(study_ids) & studies.c.status.in_(UNFINISHED) & (studies.c.lease == replica)
    marked = update(studies).where(mine).values(status="running").returning(studies.c.id)
    return set(connection.execute(marked).scalars())


def finish(
    connection: Connection, study_id: str, draft: Draft, shippings: Sequence[Shipping] = ()
) -> str | None:
    """Write the draft of a study; return the time, or None if the study was deleted or has a draft.

    Parameters
    ----------
    shippings : sequence of Shipping
        What is to be sent of it, if the study came with its identity.
    """
    finished = now()
    changed = connection.execute(
        update(studies)
        .where(studies.c.id == study_id, studies.c.status.in_(UNFINISHED), studies.c.deleted.is_(None))
        .values(status=draft.status, finished=finished)
    )
    if not changed.rowcount:
        return None
    connection.execute(
        insert(captions).values(
            study_id=study_id,
            bundle=draft.bundle,
            text=draft.text,
            document=draft.document.decode(),
            evidence=draft.evidence,
        )
    )
    if draft.findings:
        rows = [{"study_id": study_id, "name": name, "probability": p} for name, p in draft.findings]
        connection.execute(insert(findings), rows)
    record(connection, study_id, SYSTEM, draft.status, bundle=draft.bundle)
    if draft.text is not None:
        outbox.add(connection, study_id, 0, shippings)
    return finished


def add_review(
    connection: Connection,
    study_id: str,
    version: int,
    reviewer: str,
    decision: str,
    text: str,
    comment: str,
    actor: str,
    shippings: Sequence[Shipping] = (),
) -> None:
    """Add a review beside the draft and earlier reviews.

    Everything is decided in the transaction that writes: a study may be deleted, or reviewed by somebody
    else, since the client looked at it.

    Parameters
    ----------
    version : int
        The number of reviews that the client has seen.
    shippings : sequence of Shipping
        What is to be sent of an accepted text, if the study came with its identity.

    Raises
    ------
    Problem
        404, 410 or 409: the study is gone, has no draft, or has other reviews than those seen.
    """
    found = connection.execute(
        select(studies.c.deleted, studies.c.status, captions.c.text)
        .outerjoin(captions, captions.c.study_id == studies.c.id)
        .where(studies.c.id == study_id)
        .with_for_update(of=studies)
    ).one_or_none()
    if found is None:
        raise Problem("not-found", "There is no study of this id; GET /v1/captions lists them.")
    if found.deleted:
        raise Problem("gone", f"It was deleted at {found.deleted}; only its audit trail is left.")
    if found.status in UNFINISHED:
        raise Problem("conflict", "The study has no draft yet; wait until it is done.")
    if found.text is None:  # its images may be of anything: they must not become training data
        raise Problem("conflict", "The study has no draft, and so nothing to review; its caption says why.")
    seen = connection.scalar(select(func.count()).where(reviews.c.study_id == study_id))
    if seen != version:
        raise Problem(
            "conflict",
            f"The study has {seen} reviews, and you have seen {version}; read it again, then decide.",
        )
    done = connection.execute(
        insert(reviews).values(
            study_id=study_id,
            created=now(),
            reviewer=reviewer,
            decision=decision,
            text=text,
            comment=comment,
            actor=actor,
        )
    )
    key = done.inserted_primary_key
    assert key is not None
    record(connection, study_id, actor, "reviewed", review=key[0], decision=decision, reviewer=reviewer)
    if decision == "accept":
        outbox.add(connection, study_id, version + 1, shippings)


def mark_deleted(connection: Connection, study_id: str, actor: str) -> list[str] | None:
    """Mark a study as deleted; return its files, or None if it was marked before."""
    changed = connection.execute(
        update(studies)
        .where(studies.c.id == study_id, studies.c.deleted.is_(None))
        .values(
            deleted=now(),
            options="{}",  # they may hold the indication
        )
    )
    if not changed.rowcount:
        return None
    outbox.drop(connection, study_id)
    identities.remove(connection, study_id)
    # It gets no draft any more, and is not to look as if it did.
    unfinished = (studies.c.id == study_id) & studies.c.status.in_(UNFINISHED)
    connection.execute(update(studies).where(unfinished).values(status="failed"))
    record(connection, study_id, actor, "deleted")
    return files_of(connection, study_id)


def erase(connection: Connection, study_id: str) -> list[str]:
    """Erase a study except for its audit trail; return its files."""
    files = files_of(connection, study_id)
    outbox.drop(connection, study_id)
    identities.remove(connection, study_id)
    for table in (findings, captions, reviews, images):
        connection.execute(delete(table).where(table.c.study_id == study_id))
    if connection.execute(delete(studies).where(studies.c.id == study_id)).rowcount:
        record(connection, study_id, SYSTEM, "erased")  # else another replica's sweep came first
    return files


def files_of(connection: Connection, study_id: str) -> list[str]:
    """Return the image files of a study."""
    rows = connection.execute(
        select(images.c.file).where(images.c.study_id == study_id, images.c.file.is_not(None))
    )
    return list(dict.fromkeys(rows.scalars()))


def unreferred(connection: Connection, files: Sequence[str]) -> list[str]:
    """Return the files that no study refers to; deleted studies do not count."""
    used = connection.execute(
        select(images.c.file, func.count())
        .join(studies, studies.c.id == images.c.study_id)
        .where(images.c.file.in_(files), studies.c.deleted.is_(None))
        .group_by(images.c.file)
    )
    referred = {row[0] for row in used}
    return [file for file in files if file not in referred]
