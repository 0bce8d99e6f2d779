"""How often a child was woken in vain, and the next of a parent's planned children."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "child_order", sa.Column("wakes", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.create_index(
        "ix_child_planned",
        "child_order",
        ["request_id", "planned_at", "child_id"],
        postgresql_where=sa.text("state = 'planned'"),
    )


def downgrade() -> None:
    op.drop_index("ix_child_planned", "child_order")
    op.drop_column("child_order", "wakes")
