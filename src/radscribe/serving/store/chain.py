"""The audit trail as a hash chain: each row's hash covers the row and the hash before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from radscribe.serving.store.tables import audit

START = "0" * 64


def link(before: str, study_id: str, at: str, actor: str, action: str, details: str) -> str:
    """The hash of a row.

    Parameters
    ----------
    before : str
        Hash of the row before, or `START`.
    """
    row = json.dumps([before, study_id, at, actor, action, details], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(row.encode()).hexdigest()


def last(connection: Connection) -> str:
    """The hash of the last row."""
    found: str | None = connection.scalar(select(audit.c.chain).order_by(audit.c.id.desc()).limit(1))
    return found or START


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found.

    Parameters
    ----------
    rows : int
        Rows that were checked.
    head : str
        Hash of the last one. Kept elsewhere, it shows later that no row was taken from the end.
    broken : int or None
        Id of the first row that does not follow from the one before; None where all do.
    anchored : bool
        Whether the hash that was looked for is in the chain.
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
