"""The outbox: objects that are to be sent to destinations, and those that were."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("study_id", sa.String(26), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("destination", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", sa.Float, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("sent", sa.String(32)),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("study_id", "version", "destination", "kind", name="pk_outbox"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_outbox_study_id"),
    )
    op.create_index("ix_outbox_state", "outbox", ["state", "destination", "due"])
