"""Profit after fees and funding; costs that a position carries; fees in a third coin."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("funding", "open_costs"):
        op.add_column(
            "position",
            sa.Column(name, sa.Numeric(38, 18), nullable=False, server_default=sa.text("0")),
        )
    op.add_column("position", sa.Column("other_fees", JSONB(), nullable=True))
    op.execute("UPDATE position SET realised_pnl = realised_pnl - fees")


def downgrade() -> None:
    op.execute("UPDATE position SET realised_pnl = realised_pnl + fees + funding")
    for name in ("other_fees", "open_costs", "funding"):
        op.drop_column("position", name)
