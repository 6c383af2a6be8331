"""The table of identities: what ties a study to the DICOM study that it came from."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from radscribe.serving.store.tables import identities, studies


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """A row of the table.

    Parameters
    ----------
    study_key : str
        Keyed digest of study and patient.
    instances : dict of str to str
        Keyed digest of each SOP instance UID → that of the instance's content, in the order of the images.
    accession_key : str or None
        Keyed digest of the accession number.
    sealed : bytes or None
        Encrypted identity (`radscribe.interop.identity`); None without a destination.
    """

    study_id: str
    study_key: str
    instances: dict[str, str]
    accession_key: str | None = None
    sealed: bytes | None = None


def add(connection: Connection, row: IdentityRow) -> None:
    """Add the identity of a study, in the transaction that adds the study."""
    connection.execute(
        insert(identities).values(
            study_id=row.study_id,
            study_key=row.study_key,
            accession_key=row.accession_key,
            instances=msgspec.json.encode(row.instances).decode(),
            sealed=row.sealed,
        )
    )


def remove(connection: Connection, study_id: str) -> None:
    """Erase the identity of a study."""
    connection.execute(delete(identities).where(identities.c.study_id == study_id))


def find(connection: Connection, study_id: str) -> IdentityRow | None:
    """Find the identity of a study."""
    return next(iter(_rows(connection, identities.c.study_id == study_id)), None)


def newest(connection: Connection, study_key: str) -> IdentityRow | None:
    """Find the newest study with the images of a DICOM study; deleted ones have no identity."""
    return next(iter(_rows(connection, identities.c.study_key == study_key)), None)


def by_accession(connection: Connection, accession_key: str) -> list[str]:
    """Return the ids of the studies with an accession number, newest first."""
    return [row.study_id for row in _rows(connection, identities.c.accession_key == accession_key)]


def _rows(connection: Connection, condition: ColumnElement[bool]) -> list[IdentityRow]:
    present = select(identities).join(studies).where(condition, studies.c.deleted.is_(None))
    found = connection.execute(present.order_by(identities.c.study_id.desc()))
    return [
        IdentityRow(
            row.study_id,
            row.study_key,
            msgspec.json.decode(row.instances, type=dict[str, str]),
            row.accession_key,
            row.sealed,
        )
        for row in found
    ]
