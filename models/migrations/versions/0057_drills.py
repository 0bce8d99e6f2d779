"""Drills of the emergency stop: what each measured, and whether it proved all."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    utc = sa.DateTime(timezone=True)
    op.create_table(
        "drill",
        sa.Column("drill_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("began_at", utc, nullable=False),
        sa.Column("ended_at", utc, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("report", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("drill_id"),
        sa.CheckConstraint("kind IN ('halt')", name="ck_drill_kind"),
        sa.CheckConstraint("ended_at >= began_at", name="ck_drill_times"),
    )


def downgrade() -> None:
    op.drop_table("drill")
