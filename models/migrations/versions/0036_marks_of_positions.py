"""The exchange's marks of positions, which the market view is held against."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a value: the next answer about positions has it.
    op.add_column("position", sa.Column("mark_price", sa.Numeric(38, 18), nullable=True))
    op.add_column("position", sa.Column("marked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("position", "marked_at")
    op.drop_column("position", "mark_price")
