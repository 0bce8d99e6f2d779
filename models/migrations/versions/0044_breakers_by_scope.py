"""Breakers of a strategy, a symbol or a side, what they last saw, and the history of trips."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

_MONEY = sa.Numeric(38, 18)
_UTC = sa.DateTime(timezone=True)
_COLUMNS: tuple[sa.Column[object], ...] = (
    sa.Column("side", sa.Text(), nullable=False, server_default=sa.text("'both'")),
    sa.Column("window", sa.Text(), nullable=True),
    sa.Column("count", sa.Integer(), nullable=False, server_default=sa.text("0")),
    sa.Column("action", sa.Text(), nullable=False, server_default=sa.text("'reduce_only'")),
    sa.Column("share", _MONEY, nullable=True),
    sa.Column("until", _UTC, nullable=True),
    sa.Column("waited_seconds", sa.Double(), nullable=False, server_default=sa.text("0")),
    sa.Column("seen_at", _UTC, nullable=True),
    sa.Column("escalated_at", _UTC, nullable=True),
    sa.Column("memory", JSONB(), nullable=True),
)


def upgrade() -> None:
    for column in _COLUMNS:
        op.add_column("breaker", column)
    # Each breaker of today tripped once at least.
    op.execute(sa.text('UPDATE breaker SET "count" = 1'))
    op.create_table(
        "breaker_trip",
        sa.Column("trip_id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("scope_kind", sa.Text(), nullable=False),
        sa.Column("scope_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("tripped_at", _UTC, nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("limit", sa.Text(), nullable=True),
        sa.Column("window", sa.Text(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("equity", _MONEY, nullable=True),
        sa.Column("flat_at", _UTC, nullable=True),
        sa.Column("flat_equity", _MONEY, nullable=True),
        sa.Column("resumed_at", _UTC, nullable=True),
        sa.Column("resumed_by", sa.Text(), nullable=True),
        sa.Column("resume_reason", sa.Text(), nullable=True),
    )
    op.create_index("ix_breaker_trip_at", "breaker_trip", ["tripped_at"])
    op.create_index(
        "ix_breaker_trip_open",
        "breaker_trip",
        ["scope_kind", "scope_key", "kind"],
        postgresql_where=sa.text("resumed_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("breaker_trip")
    for column in _COLUMNS:
        op.drop_column("breaker", column.name)
