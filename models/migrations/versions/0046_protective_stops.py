"""Protective stops at the exchange, and since when a price is beyond one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

_MONEY = sa.Numeric(38, 18)
_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("position_watch", sa.Column("crossed_at", _UTC, nullable=True))
    op.create_table(
        "protective_stop",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("order_link_id", sa.Text(), primary_key=True),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("opened_at", _UTC, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("qty", _MONEY, nullable=False),
        sa.Column("trigger_price", _MONEY, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", JSONB(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("asked_at", _UTC, nullable=False),
        sa.Column("confirmed_at", _UTC, nullable=True),
        sa.Column("seen_at", _UTC, nullable=True),
        sa.Column("failed_at", _UTC, nullable=True),
        sa.Column("ended_at", _UTC, nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.UniqueConstraint("account", "symbol", "number", name="uq_protective_stop_number"),
    )
    op.create_index(
        "ix_protective_stop_open",
        "protective_stop",
        ["account", "symbol"],
        postgresql_where=sa.text("state <> 'ended'"),
    )


def downgrade() -> None:
    op.drop_table("protective_stop")
    op.drop_column("position_watch", "crossed_at")
