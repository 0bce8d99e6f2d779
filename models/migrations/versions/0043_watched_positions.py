"""When a position was opened, what the position monitor remembers, and the exits it asked for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_MONEY = sa.Numeric(38, 18)
_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("position", sa.Column("opened_at", _UTC, nullable=True))
    # Nobody noted the opening of the positions of today. Their age counts from their newest change.
    op.execute(sa.text("UPDATE position SET opened_at = updated_at WHERE qty <> 0"))
    op.create_table(
        "position_watch",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("symbol", sa.Text(), primary_key=True),
        sa.Column("opened_at", _UTC, nullable=False),
        sa.Column("best_price", _MONEY, nullable=True),
        sa.Column("mark_price", _MONEY, nullable=True),
        sa.Column("looked_at", _UTC, nullable=True),
        sa.Column("told", JSONB(), nullable=False),
    )
    op.create_table(
        "position_exit",
        sa.Column("account", sa.Text(), primary_key=True),
        sa.Column("symbol", sa.Text(), primary_key=True),
        sa.Column("opened_at", _UTC, primary_key=True),
        sa.Column("attempt", sa.Integer(), primary_key=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("limit", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False, unique=True),
        sa.Column("asked_at", _UTC, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("position_exit")
    op.drop_table("position_watch")
    op.drop_column("position", "opened_at")
