"""Versions of the limits that were set at run time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "config_version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True, start=2), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("override", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "direction IN ('tightening', 'loosening', 'mixed')", name="ck_config_direction"
        ),
        sa.CheckConstraint(
            "state IN ('proposed', 'active', 'superseded', 'rejected')", name="ck_config_state"
        ),
        sa.CheckConstraint("approved_by <> proposed_by", name="ck_config_second_person"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_config_active",
        "config_version",
        ["environment", "mode"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_config_active",
        table_name="config_version",
        postgresql_where=sa.text("state = 'active'"),
    )
    op.drop_table("config_version")
