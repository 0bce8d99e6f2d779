"""Positions that an operator has adopted from the exchange."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "position_adoption",
        sa.Column("adoption_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("qty_before", sa.Numeric(38, 18), nullable=False),
        sa.Column("qty_after", sa.Numeric(38, 18), nullable=False),
        sa.Column("entry_before", sa.Numeric(38, 18), nullable=True),
        sa.Column("entry_after", sa.Numeric(38, 18), nullable=True),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("adoption_id"),
    )


def downgrade() -> None:
    op.drop_table("position_adoption")
