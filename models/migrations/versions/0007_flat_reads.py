"""Indexes on what is open, so that repeated reads don't grow with the past."""

from alembic import op
from sqlalchemy import text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_reservation_open", "reservation", ["account"], "state = 'held' OR open_qty > 0"),
    ("ix_parent_open", "parent_order", ["account"], "state IN ('working', 'paused')"),
    ("ix_child_deadline", "child_order", ["deadline_at"], "state = 'planned'"),
    (
        "ix_child_open",
        "child_order",
        ["request_id"],
        "state IN ('planned', 'sending', 'acked', 'working', 'unknown')",
    ),
    (
        "ix_child_given_up",
        "child_order",
        ["account", "final_at"],
        "state = 'expired' AND posts > 0 AND exchange_order_id IS NULL",
    ),
    (
        "ix_child_done",
        "child_order",
        ["final_at"],
        "final_at IS NOT NULL AND sent_at IS NOT NULL",
    ),
    ("ix_fill_symbol", "fill", ["symbol", "executed_at"], None),
)


def upgrade() -> None:
    for name, table, columns, where in _INDEXES:
        op.create_index(
            name, table, columns, postgresql_where=None if where is None else text(where)
        )


def downgrade() -> None:
    for name, table, _, _ in reversed(_INDEXES):
        op.drop_index(name, table_name=table)
