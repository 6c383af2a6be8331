"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("finished", sa.String(32)),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("study", sa.Text, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("deleted", sa.String(32)),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
    )
    op.create_index("ix_studies_status", "studies", ["status"])
    op.create_index("ix_studies_deleted", "studies", ["deleted"])
    op.create_table(
        "images",
        sa.Column("study_id", sa.String(26), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("file", sa.String(80)),
        sa.Column("error", sa.Text),
        sa.Column("view", sa.String(8), nullable=False),
        sa.Column("height", sa.Integer),
        sa.Column("width", sa.Integer),
        sa.PrimaryKeyConstraint("study_id", "n", name="pk_images"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_images_study_id"),
    )
    op.create_index("ix_images_file", "images", ["file"])
    op.create_table(
        "captions",
        sa.Column("study_id", sa.String(26), nullable=False),
        sa.Column("bundle", sa.Text, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("evidence", sa.LargeBinary),
        sa.PrimaryKeyConstraint("study_id", name="pk_captions"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_captions_study_id"),
    )
    op.create_table(
        "findings",
        sa.Column("study_id", sa.String(26), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("study_id", "name", name="pk_findings"),
        sa.ForeignKeyConstraint(["study_id"], ["captions.study_id"], name="fk_findings_study_id"),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.String(26), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("decision", sa.String(8), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_reviews_study_id"),
    )
    op.create_index("ix_reviews_study_id", "reviews", ["study_id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.String(26), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_study_id", "audit", ["study_id"])
