"""Why a request's last validation failed."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trade_request", sa.Column("failure", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("trade_request", "failure")
