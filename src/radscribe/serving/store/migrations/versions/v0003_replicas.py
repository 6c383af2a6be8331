"""Leases of studies, replicas, shared counters, and the identity of the store."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("studies", sa.Column("lease", sa.String(26)))
    op.create_table(
        "replicas",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("ends", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_replicas"),
    )
    op.create_table(
        "counters",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("until", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_counters"),
    )
    identity = op.create_table(
        "store",
        sa.Column("id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_store"),
    )
    op.bulk_insert(identity, [{"id": str(uuid.uuid4())}])
