"""Recoveries: who asked, who confirmed, and the step that each has reached."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    utc, money = sa.DateTime(timezone=True), sa.Numeric(38, 18)
    op.create_table(
        "recovery",
        sa.Column("recovery_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("scope_kind", sa.Text(), nullable=False),
        sa.Column("scope_key", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("share", money, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", utc, nullable=False),
        sa.Column("expires_at", utc, nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("begun_at", utc, nullable=True),
        sa.Column("step_since", utc, nullable=True),
        sa.Column("equity", money, nullable=True),
        sa.Column("changed_at", utc, nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("recovery_id"),
        sa.CheckConstraint(
            "phase IN ('pending', 'climbing', 'recovered', 'fell_back', 'ended')",
            name="ck_recovery_phase",
        ),
        sa.CheckConstraint("share > 0 AND share <= 1", name="ck_recovery_share"),
        sa.CheckConstraint("confirmed_by <> asked_by", name="ck_recovery_second_person"),
    )
    op.create_index(
        "uq_recovery_open",
        "recovery",
        ["scope_kind", "scope_key"],
        unique=True,
        postgresql_where=sa.text("phase IN ('pending', 'climbing')"),
    )


def downgrade() -> None:
    op.drop_table("recovery")
