"""The lease to trade: without it nothing adds risk."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "trading_lease",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("granted_at", moment, nullable=True),
        sa.Column("renewed_at", moment, nullable=True),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("withheld", sa.Text(), nullable=False),
        sa.Column("looked_at", moment, nullable=False),
        sa.Column("readings", JSONB(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("trading_lease")
