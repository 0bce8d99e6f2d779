"""Alerts as rows, their deliveries and their channels."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    utc = sa.DateTime(timezone=True)
    op.create_table(
        "alert",
        sa.Column("alert_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("lasting", sa.Boolean(), nullable=False),
        sa.Column("first_seen", utc, nullable=False),
        sa.Column("last_seen", utc, nullable=False),
        sa.Column("opened_at", utc, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("acknowledged_at", utc, nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("acknowledge_reason", sa.Text(), nullable=True),
        sa.Column("cleared_at", utc, nullable=True),
        sa.Column("clear_reason", sa.Text(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("news", sa.Text(), nullable=False),
        sa.Column("planned_round", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("told_at", utc, nullable=True),
        sa.Column("escalations", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reduced_at", utc, nullable=True),
        sa.PrimaryKeyConstraint("alert_id"),
        sa.CheckConstraint("count > 0", name="ck_alert_count"),
        sa.CheckConstraint("state IN ('open', 'acknowledged', 'cleared')", name="ck_alert_state"),
    )
    op.create_index(
        "uq_alert_key",
        "alert",
        ["key"],
        unique=True,
        postgresql_where=sa.text("state <> 'cleared'"),
    )
    op.create_index(
        "ix_alert_unplanned",
        "alert",
        ["alert_id"],
        postgresql_where=sa.text("round > planned_round"),
    )
    op.create_index("ix_alert_last_seen", "alert", ["last_seen"])
    op.create_table(
        "alert_delivery",
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("news", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", utc, nullable=False),
        sa.Column("began_at", utc, nullable=True),
        sa.Column("delivered_at", utc, nullable=True),
        sa.Column("given_up_at", utc, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("alert_id", "round", "channel"),
    )
    op.create_index(
        "ix_alert_delivery_open",
        "alert_delivery",
        ["channel", "next_at"],
        postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
    )
    op.create_index("ix_alert_delivery_began", "alert_delivery", ["channel", "began_at"])
    op.create_table(
        "alert_channel",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("min_level", sa.Text(), nullable=False),
        sa.Column("configured", sa.Boolean(), nullable=False),
        sa.Column("changed_at", utc, nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", utc, nullable=True),
        sa.Column("delivered_at", utc, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    op.drop_table("alert_channel")
    op.drop_table("alert_delivery")
    op.drop_table("alert")
