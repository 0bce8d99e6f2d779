"""To which environment and trading mode a database belongs."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a value: the first process that starts on it says which.
    op.add_column("account_binding", sa.Column("environment", sa.Text(), nullable=True))
    op.add_column("account_binding", sa.Column("trading_mode", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("account_binding", "trading_mode")
    op.drop_column("account_binding", "environment")
