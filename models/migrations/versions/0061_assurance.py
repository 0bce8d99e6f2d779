"""Stress tests are drills, and reports on the controls themselves are kept."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("ck_drill_kind", "drill")
    op.create_check_constraint("ck_drill_kind", "drill", "kind IN ('halt', 'stress')")
    op.create_table(
        "assurance_report",
        sa.Column("report_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("report_sha256", sa.Text(), nullable=False),
        sa.Column("report", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("report_id"),
        sa.CheckConstraint(
            "kind IN ('calibration', 'self_assessment')", name="ck_assurance_report_kind"
        ),
        sa.Index("ix_assurance_report_newest", "account", "kind", "report_id"),
    )


def downgrade() -> None:
    op.drop_table("assurance_report")
    op.execute("DELETE FROM drill WHERE kind = 'stress'")
    op.drop_constraint("ck_drill_kind", "drill")
    op.create_check_constraint("ck_drill_kind", "drill", "kind IN ('halt')")
