"""How often a destination has refused an object, so that it is given up after some tries."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("refusals", sa.Integer, nullable=False, server_default="0"))
