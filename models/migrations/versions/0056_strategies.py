"""Strategies: owner, version, stage and own caps; and the first sending of a child order."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    utc, money = sa.DateTime(timezone=True), sa.Numeric(38, 18)
    op.create_table(
        "strategy",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("stage_since", utc, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("max_trade_notional", money, nullable=True),
        sa.Column("max_exposure", money, nullable=True),
        sa.Column("max_requests_per_second", sa.Integer(), nullable=True),
        sa.Column("asked_stage", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=True),
        sa.Column("asked_until", utc, nullable=True),
        sa.Column("created_at", utc, nullable=False),
        sa.Column("changed_at", utc, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sa.CheckConstraint(
            "stage IN ('shadow', 'paper', 'small', 'full')", name="ck_strategy_stage"
        ),
        sa.CheckConstraint(
            "max_trade_notional > 0 AND max_exposure > 0 AND max_requests_per_second > 0",
            name="ck_strategy_caps",
        ),
    )
    op.add_column("child_order", sa.Column("first_sent_at", utc, nullable=True))
    op.create_index(
        "ix_audit_stage",
        "audit_entry",
        ["subject", "seq"],
        postgresql_where=sa.text("kind = 'strategy_stage'"),
    )


def downgrade() -> None:
    op.drop_index("ix_audit_stage", table_name="audit_entry")
    op.drop_column("child_order", "first_sent_at")
    op.drop_table("strategy")
