"""When the reading of a tripped breaker was within its threshold again."""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "breaker_trip", sa.Column("within_again_at", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("breaker_trip", "within_again_at")
