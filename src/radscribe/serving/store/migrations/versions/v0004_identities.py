"""Identities of studies that came in by DICOM, and the study that a study supersedes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("studies", sa.Column("supersedes", sa.String(26)))
    op.create_table(
        "identities",
        sa.Column("study_id", sa.String(26), nullable=False),
        sa.Column("study_key", sa.String(64), nullable=False),
        sa.Column("accession_key", sa.String(64)),
        sa.Column("instances", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.PrimaryKeyConstraint("study_id", name="pk_identities"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_identities_study_id"),
    )
    op.create_index("ix_identities_study_key", "identities", ["study_key"])
    op.create_index("ix_identities_accession_key", "identities", ["accession_key"])
