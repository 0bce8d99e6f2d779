"""Indexes of requests that only reduce: a quota counts them without reading what was asked."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

_EXIT = """payload @> '{"signal_data": {"reduce_only": true}}'"""
_OPEN = "status IN ('pending_validation', 'validation_passed', 'pending_execution', 'executing')"


def upgrade() -> None:
    op.create_index(
        "ix_trade_request_exits",
        "trade_request",
        ["account", "strategy", "received_at"],
        postgresql_where=sa.text(_EXIT),
    )
    op.create_index(
        "ix_trade_request_open_exits",
        "trade_request",
        ["account", "strategy"],
        postgresql_where=sa.text(f"{_EXIT} AND {_OPEN}"),
    )


def downgrade() -> None:
    op.drop_index("ix_trade_request_open_exits", "trade_request")
    op.drop_index("ix_trade_request_exits", "trade_request")
