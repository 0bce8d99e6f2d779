"""What the exchange says of positions and orders against us, kept over restarts."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "position_disagreement",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("difference", sa.Numeric(38, 18), nullable=False),
        sa.Column("ours", sa.Numeric(38, 18), nullable=False),
        sa.Column("theirs", sa.Numeric(38, 18), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol"),
    )
    op.create_table(
        "foreign_order",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "order_id"),
    )


def downgrade() -> None:
    op.drop_table("foreign_order")
    op.drop_table("position_disagreement")
