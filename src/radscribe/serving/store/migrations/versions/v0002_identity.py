"""Sessions, the actor of each review, and the hash chain of the audit trail."""

import sqlalchemy as sa
from alembic import op

from radscribe.serving.store.chain import START, link

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("role", sa.String(12), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("ends", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
    )
    op.add_column("reviews", sa.Column("actor", sa.Text, nullable=False, server_default=""))
    op.add_column("audit", sa.Column("chain", sa.String(64), nullable=False, server_default=""))
    connection = op.get_bind()
    audit = sa.table(
        "audit", *map(sa.column, ("id", "study_id", "at", "actor", "action", "details", "chain"))
    )
    chain = START
    for row in connection.execute(sa.select(audit).order_by(audit.c.id)).all():
        chain = link(chain, row.study_id, row.at, row.actor, row.action, row.details)
        connection.execute(sa.update(audit).where(audit.c.id == row.id).values(chain=chain))
