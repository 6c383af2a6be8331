"""The audit trail as a hash chain: each row's hash covers the row and the hash before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from radscribe.serving.store.tables import audit

START = "0" * 64


def link(before: str, study_id: str, at: str, actor: str, action: str, details: str) -> str:
    """Return the hash of a row.

    Parameters
    ----------
    before : str
        Hash of the row before, or `START`.
    """
    row = json.dumps([before, study_id, at, actor, action, details], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(row.encode()).hexdigest()


def last(connection: Connection) -> str:
    """Return the hash of the last row."""
    found: str | None = connection.scalar(select(audit.c.chain).order_by(audit.c.id.desc()).limit(1))
    return found or START


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of `verify`.

    Parameters
    ----------
    rows : int
        Number of rows that were checked.
    head : str
        Hash of the last row. A copy kept elsewhere proves later that no row was removed from the end.
    broken : int or None
        Id of the first row that does not match the one before it; None if all rows match.
    anchored : bool
        Whether the given earlier hash is in the chain.
    """

    rows: int
    head: str
    broken: int | None
    anchored: bool


def verify(connection: Connection, anchor: str | None = None) -> Verdict:
    """Check every row of the audit trail.

    Parameters
    ----------
    anchor : str, optional
        An earlier `head`, which must still be in the chain.
    """
    chain, rows, anchored = START, 0, anchor in (None, START)
    for row in connection.execute(select(audit).order_by(audit.c.id).execution_options(yield_per=1000)):
        expected = link(chain, row.study_id, row.at, row.actor, row.action, row.details)
        if row.chain != expected:
            return Verdict(rows, chain, row.id, anchored)
        chain, rows = expected, rows + 1
        anchored = anchored or chain == anchor
    return Verdict(rows, chain, None, anchored)
