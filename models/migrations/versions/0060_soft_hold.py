"""A request may be held by a soft block, until an operator releases it."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trade_request", sa.Column("soft_hold", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("trade_request", "soft_hold")
