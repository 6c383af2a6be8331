"""The tables. Times are ISO 8601 in UTC, as text: they sort, and read the same in every database.

`migrations/` makes them in a real database; a test holds both side by side.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
STATUSES = ("queued", "running", "done", "refused", "failed")
UNFINISHED = ("queued", "running")

studies = Table(
    "studies",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("created", String(32), nullable=False),
    Column("finished", String(32)),
    Column("status", String(8), nullable=False, index=True),
    Column("study", Text, nullable=False),  # what the client calls it; empty where it does not
    Column("options", Text, nullable=False),  # JSON
    Column("attempts", Integer, nullable=False),  # times that the service died over it
    Column("deleted", String(32), index=True),
    Column("lease", String(26)),  # the replica that captions it; null if any may take it
    Column("supersedes", String(26)),  # id of the study whose draft this one replaces
)

images = Table(
    "images",
    metadata,
    Column("study_id", String(26), ForeignKey("studies.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("name", Text, nullable=False),  # what the client calls the file
    Column("file", String(80), index=True),  # in the folder of images, by content; null where it was no image
    Column("error", Text),  # why it was none
    Column("view", String(8), nullable=False),
    Column("height", Integer),
    Column("width", Integer),
)

captions = Table(
    "captions",
    metadata,
    Column("study_id", String(26), ForeignKey("studies.id"), primary_key=True),
    Column("bundle", Text, nullable=False),
    Column("text", Text),
    Column("document", Text, nullable=False),  # `Caption.to_dict()` without its evidence, JSON
    Column("evidence", LargeBinary),  # JSON, deflated
)

findings = Table(
    "findings",
    metadata,
    Column("study_id", String(26), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("probability", Float, nullable=False),
    ForeignKeyConstraint(["study_id"], ["captions.study_id"]),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", String(26), ForeignKey("studies.id"), nullable=False, index=True),
    Column("created", String(32), nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("decision", String(8), nullable=False),  # accept, reject
    Column("text", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("actor", Text, nullable=False, server_default=""),  # who was signed in
)

# Studies that came in by DICOM. Keys are keyed digests, so that nobody reads a UID or a number out of them.
identities = Table(
    "identities",
    metadata,
    Column("study_id", String(26), ForeignKey("studies.id"), primary_key=True),
    Column("study_key", String(64), nullable=False, index=True),  # of study and patient
    Column("accession_key", String(64), index=True),  # null without a destination
    Column("instances", Text, nullable=False),  # JSON: key of the SOP instance UID → key of its content
    Column("sealed", LargeBinary),  # `interop.identity`, encrypted; null without a destination
)

# What is to be sent of studies with an identity, and what was: one row per object and destination.
outbox = Table(
    "outbox",
    metadata,
    Column("study_id", String(26), ForeignKey("studies.id"), primary_key=True),
    Column("version", Integer, primary_key=True),  # 0 for the draft, n for its n-th review
    Column("destination", String(200), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("state", String(8), nullable=False),  # waiting, sent, failed, obsolete
    Column("attempts", Integer, nullable=False),
    Column("due", Float, nullable=False),  # of the next try, by the database's clock (`store.clock`)
    Column("created", String(32), nullable=False),
    Column("sent", String(32)),
    Column("error", Text),  # why the last try failed
    Column("refusals", Integer, nullable=False, server_default="0"),  # tries in which the object was refused
    Index("ix_outbox_state", "state", "destination", "due"),
)

# Only the hash of a cookie's value is stored.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("actor", Text, nullable=False),
    Column("role", String(12), nullable=False),
    Column("created", String(32), nullable=False),
    Column("ends", String(32), nullable=False),
)

# Processes that serve this store, and when each counts as dead by the database's clock (`store.clock`).
replicas = Table(
    "replicas",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("ends", Float, nullable=False),
)

# Failed attempts to sign in and uploads, under a hash of the client. `until` is by the database's clock.
counters = Table(
    "counters",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("until", Float, nullable=False),
)

# One row: the identity of the store, by which its folder or bucket of images is recognised.
identity = Table("store", metadata, Column("id", String(36), primary_key=True))

# It outlives the studies, so it holds none of their text and no foreign key.
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", String(26), nullable=False),
    Column("at", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(16), nullable=False),
    Column("details", Text, nullable=False),  # JSON
    Column("chain", String(64), nullable=False, server_default=""),  # `store.chain`
    Index("ix_audit_study_id", "study_id"),
)


def now() -> str:
    """Return the current time in the format of the tables."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
