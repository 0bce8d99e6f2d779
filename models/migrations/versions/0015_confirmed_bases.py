"""What losses are measured from: confirmed readings, and the cash flows that scale them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MONEY = sa.Numeric(38, 18)
UTC = sa.DateTime(timezone=True)
NEW: dict[str, Any] = {
    "start_at": UTC,
    "peak_at": UTC,
    "confirmed_equity": MONEY,
    "confirmed_at": UTC,
    "flows_read_at": UTC,
    "rebased_at": UTC,
}


def upgrade() -> None:
    for name, kind in NEW.items():
        op.add_column("equity_day", sa.Column(name, kind, nullable=True))
    # A day that is under way keeps its start: losing it would forgive what was lost.
    op.add_column(
        "equity_day",
        sa.Column("start_confirmed", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.create_table(
        "cash_flow",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("at", UTC, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("share", MONEY, nullable=True),
        sa.Column("recorded_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("account", "flow_id"),
    )
    op.create_index("ix_cash_flow_at", "cash_flow", ["account", "at"])


def downgrade() -> None:
    op.drop_table("cash_flow")
    for name in (*NEW, "start_confirmed"):
        op.drop_column("equity_day", name)
