"""What a trade realised, and where a position would be liquidated."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "parent_order",
        sa.Column("realised_pnl", sa.Numeric(38, 18), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("position", sa.Column("liquidation_price", sa.Numeric(38, 18), nullable=True))
    # A row trigger doesn't see TRUNCATE.
    op.execute(
        "CREATE TRIGGER audit_entry_is_never_emptied BEFORE TRUNCATE ON audit_entry"
        " EXECUTE FUNCTION refuse_audit_change()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_entry_is_never_emptied ON audit_entry")
    op.drop_column("position", "liquidation_price")
    op.drop_column("parent_order", "realised_pnl")
