"""Fees in neither coin of their symbol, one a row, with what they were worth."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    money, moment = sa.Numeric(38, 18), sa.DateTime(timezone=True)
    op.create_table(
        "other_fee",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("exec_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("coin", sa.Text(), nullable=False),
        sa.Column("amount", money, nullable=False),
        sa.Column("qty", money, nullable=False),
        sa.Column("closed_qty", money, nullable=False),
        sa.Column("executed_at", moment, nullable=False),
        sa.Column("asked_at", moment, nullable=True),
        sa.Column("price", money, nullable=True),
        sa.Column("price_source", sa.Text(), nullable=True),
        sa.Column("cost", money, nullable=True),
        sa.PrimaryKeyConstraint("account", "exec_id"),
    )
    op.create_index(
        "ix_other_fee_to_ask",
        "other_fee",
        ["account", "executed_at"],
        postgresql_where=sa.text("asked_at IS NULL"),
    )
    op.create_index("ix_other_fee_executed", "other_fee", ["account", "executed_at"])
    # What an old fill closed isn't known: its fee is that of the position, as it was carried.
    op.execute(
        "INSERT INTO other_fee (account, exec_id, request_id, symbol, side, coin, amount, qty,"
        " closed_qty, executed_at)"
        " SELECT f.account, f.exec_id, c.request_id, f.symbol, f.side, f.fee_currency, f.fee,"
        " f.qty, 0, f.executed_at"
        " FROM fill f LEFT JOIN child_order c ON c.child_id = f.child_id"
        " WHERE f.fee <> 0 AND f.exec_type <> 'Funding'"
        " AND right(f.symbol, length(f.fee_currency)) <> f.fee_currency"
        " AND left(f.symbol, length(f.fee_currency)) <> f.fee_currency"
    )


def downgrade() -> None:
    op.drop_table("other_fee")
