"""What a cash flow in another coin was worth, and where that was read."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cash_flow", sa.Column("price", sa.Numeric(38, 18), nullable=True))
    op.add_column("cash_flow", sa.Column("price_source", sa.Text(), nullable=True))
    op.add_column("cash_flow", sa.Column("value", sa.Numeric(38, 18), nullable=True))
    op.execute(
        "UPDATE cash_flow SET price = 1, price_source = 'at par', value = amount"
        " WHERE currency IN ('USDT', 'USDC', 'USD')"
    )


def downgrade() -> None:
    for name in ("value", "price_source", "price"):
        op.drop_column("cash_flow", name)
