"""Queries of the store: studies, pages of studies, audit trails, waiting and reviewed studies."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from radscribe.serving.store import outbox
from radscribe.serving.store.records import ImageRow
from radscribe.serving.store.tables import UNFINISHED, audit, captions, identities, images, reviews, studies

PAGE = 100  # studies read at once where all are read
IMAGE_KEYS = ("n", "name", "view", "height", "width", "error")
REVIEW_KEYS = ("id", "created", "reviewer", "decision", "text", "comment", "actor")


@dataclass(slots=True)
class StoredStudy:
    """A study with its images, draft and reviews, and where its results were sent."""

    id: str
    created: str
    finished: str | None
    status: str
    study: str
    options: str  # JSON
    attempts: int
    deleted: str | None
    lease: str | None = None
    supersedes: str | None = None
    images: list[ImageRow] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    text: str | None = None
    document: bytes | None = None  # JSON of the draft
    evidence: bytes | None = None  # JSON, deflated
    superseded_by: str | None = None

    def to_dict(self, *, evidence: bool = False) -> dict[str, Any]:
        """Return the study as an object of the API, which contains the draft as stored JSON."""
        return {
            "id": self.id,
            "status": self.status,
            "created": self.created,
            "finished": self.finished,
            "study": self.study or None,
            "images": [{key: getattr(row, key) for key in IMAGE_KEYS} for row in self.images],
            "caption": self._caption(evidence),
            "reviews": self.reviews,
            "version": len(self.reviews),
            "results": self.results,
            "supersedes": self.supersedes,
            "superseded_by": self.superseded_by,
            "deleted": self.deleted,
        }

    def _caption(self, evidence: bool) -> msgspec.Raw | None:
        if self.document is None:
            return None
        if not evidence or self.evidence is None:
            return msgspec.Raw(self.document)
        # The document is an object with keys: its last one becomes the evidence.
        return msgspec.Raw(b'%s,"evidence":%s}' % (self.document[:-1], zlib.decompress(self.evidence)))


def find(connection: Connection, study_id: str, *, evidence: bool = False) -> StoredStudy | None:
    """Find a study by its id, including deleted ones."""
    found = _complete(connection, _select(studies.c.id == study_id, 1, connection), evidence)
    return found[0] if found else None


def page(
    connection: Connection,
    *,
    query: str = "",
    status: str | None = None,
    before: str | None = None,
    limit: int = 20,
    accession_keys: Mapping[str, str] = {},
    accession_key: str | None = None,
) -> list[StoredStudy]:
    """List studies, newest first, without deleted ones.

    Parameters
    ----------
    query : str
        Words to look for in study names, file names, drafts and reviews, ignoring case. All must occur.
    before : str, optional
        Id of a study; only older studies are listed.
    accession_keys : mapping of str to str
        Word of the query → its digest, if it is an accession number.
    accession_key : str, optional
        Digest of an accession number that the studies must have.
    """
    words = (_says(word, accession_keys.get(word)) for word in query.split())
    conditions = [studies.c.deleted.is_(None), *words]
    if accession_key is not None:
        conditions.append(_has_number(accession_key))
    if status is not None:
        conditions.append(studies.c.status == status)
    if before is not None:
        conditions.append(studies.c.id < before)
    return _complete(connection, _select(_all(conditions), limit, connection), evidence=False)


def _has_number(key: str) -> ColumnElement[bool]:
    return exists().where(identities.c.study_id == studies.c.id, identities.c.accession_key == key)


def _says(word: str, accession_key: str | None) -> ColumnElement[bool]:
    return or_(
        *([] if accession_key is None else [_has_number(accession_key)]),
        studies.c.study.icontains(word, autoescape=True),
        exists().where(captions.c.study_id == studies.c.id, captions.c.text.icontains(word, autoescape=True)),
        exists().where(images.c.study_id == studies.c.id, images.c.name.icontains(word, autoescape=True)),
        exists().where(
            reviews.c.study_id == studies.c.id,
            or_(
                reviews.c.text.icontains(word, autoescape=True),
                reviews.c.comment.icontains(word, autoescape=True),
                reviews.c.reviewer.icontains(word, autoescape=True),
            ),
        ),
    )


def _all(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    first, *others = conditions
    for condition in others:
        first = first & condition
    return first


def _select(condition: ColumnElement[bool], limit: int, connection: Connection) -> list[StoredStudy]:
    rows = connection.execute(select(studies).where(condition).order_by(studies.c.id.desc()).limit(limit))
    return [StoredStudy(**row._mapping) for row in rows]


def _complete(connection: Connection, found: list[StoredStudy], evidence: bool) -> list[StoredStudy]:
    """Fetch what belongs to the studies, a query for each table."""
    by_id = {study.id: study for study in found}
    if not found:
        return found
    for row in connection.execute(
        select(images).where(images.c.study_id.in_(by_id)).order_by(images.c.study_id, images.c.n)
    ):
        values = dict(row._mapping)
        by_id[values.pop("study_id")].images.append(ImageRow(**values))
    columns = [captions.c.study_id, captions.c.text, captions.c.document]
    for row in connection.execute(
        select(*columns, *([captions.c.evidence] if evidence else [])).where(captions.c.study_id.in_(by_id))
    ):
        study = by_id[row.study_id]
        study.text, study.document = row.text, row.document.encode()
        study.evidence = row.evidence if evidence else None
    for row in connection.execute(
        select(reviews).where(reviews.c.study_id.in_(by_id)).order_by(reviews.c.id)
    ):
        by_id[row.study_id].reviews.append({key: getattr(row, key) for key in REVIEW_KEYS})
    later = select(studies.c.id, studies.c.supersedes)
    for row in connection.execute(
        later.where(studies.c.supersedes.in_(by_id), studies.c.deleted.is_(None)).order_by(studies.c.id)
    ):
        by_id[row.supersedes].superseded_by = row.id
    for study_id, rows in outbox.of_studies(connection, by_id).items():
        by_id[study_id].results = rows
    return found


def audit_of(connection: Connection, study_id: str) -> list[dict[str, Any]]:
    """Return the audit trail of a study, oldest row first."""
    rows = connection.execute(select(audit).where(audit.c.study_id == study_id).order_by(audit.c.id))
    return [
        {
            "at": row.at,
            "actor": row.actor,
            "action": row.action,
            "details": msgspec.Raw(row.details.encode()),
        }
        for row in rows
    ]


def of_ids(connection: Connection, ids: Sequence[str]) -> list[StoredStudy]:
    """Return studies with their images and drafts, oldest first."""
    rows = connection.execute(select(studies).where(studies.c.id.in_(ids)).order_by(studies.c.id))
    return _complete(connection, [StoredStudy(**row._mapping) for row in rows], evidence=False)


def unfinished(connection: Connection) -> int:
    """Count the studies of all replicas that have no draft yet."""
    return connection.scalar(select(func.count()).where(studies.c.status.in_(UNFINISHED))) or 0


def reviewed(connection: Connection, after: str) -> list[StoredStudy]:
    """Return the next page of reviewed studies after an id, oldest first, without deleted ones."""
    some = exists().where(reviews.c.study_id == studies.c.id)
    rows = connection.execute(
        select(studies)
        .where(studies.c.id > after, studies.c.deleted.is_(None), some)
        .order_by(studies.c.id)
        .limit(PAGE)
    )
    return _complete(connection, [StoredStudy(**row._mapping) for row in rows], evidence=False)


def created_before(connection: Connection, time: str, limit: int) -> list[str]:
    """Return ids of studies created before a time, including deleted ones."""
    rows = connection.execute(
        select(studies.c.id).where(studies.c.created < time).order_by(studies.c.id).limit(limit)
    )
    return list(rows.scalars())
