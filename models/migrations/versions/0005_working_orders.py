"""Parents that are worked step by step, resting children, their pace."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_TIME = sa.DateTime(timezone=True)
_MONEY = sa.Numeric(38, 18)


def upgrade() -> None:
    for column in (
        sa.Column("stepped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("step_at", _TIME, nullable=True),
        sa.Column("step_wake_at", _TIME, nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=True),
        sa.Column("pace", _JSON, nullable=True),
        sa.Column("ladder", _JSON, nullable=True),
        sa.Column("volume_mark", _JSON, nullable=True),
    ):
        op.add_column("parent_order", column)
    op.create_index(
        "ix_parent_step",
        "parent_order",
        ["step_at"],
        postgresql_where=sa.text("step_at IS NOT NULL"),
    )
    for child_column in (
        sa.Column("style", sa.Text(), server_default=sa.text("'ioc'"), nullable=False),
        sa.Column("price", _MONEY, nullable=True),
        sa.Column("bound_bps", _MONEY, nullable=True),
        sa.Column("cancel_requested_at", _TIME, nullable=True),
        sa.Column("cancels", sa.Integer(), server_default=sa.text("0"), nullable=False),
    ):
        op.add_column("child_order", child_column)
    op.create_index(
        "ix_child_cancelling",
        "child_order",
        ["cancel_requested_at"],
        postgresql_where=sa.text("cancel_requested_at IS NOT NULL AND final_at IS NULL"),
    )
    op.create_index(
        "ix_decision_alike",
        "decision",
        [
            "account",
            sa.text("(intent ->> 'strategy')"),
            sa.text("(intent ->> 'symbol')"),
            sa.text("(intent ->> 'side')"),
            sa.text("(intent ->> 'notional')"),
            "decided_at",
        ],
        postgresql_where=sa.text("verdict <> 'deny'"),
    )
    op.create_index(
        "ix_child_sent",
        "child_order",
        ["account", "sent_at"],
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )
    op.create_index(
        "ix_parent_realised",
        "parent_order",
        ["account", "finished_at"],
        postgresql_where=sa.text("realised_pnl <> 0"),
    )


def downgrade() -> None:
    op.drop_index("ix_parent_realised", table_name="parent_order")
    op.drop_index("ix_child_sent", table_name="child_order")
    op.drop_index("ix_decision_alike", table_name="decision")
    op.drop_index("ix_child_cancelling", table_name="child_order")
    for name in ("cancels", "cancel_requested_at", "bound_bps", "price", "style"):
        op.drop_column("child_order", name)
    op.drop_index("ix_parent_step", table_name="parent_order")
    for name in (
        "volume_mark",
        "ladder",
        "pace",
        "stop_reason",
        "step_wake_at",
        "step_at",
        "stepped",
    ):
        op.drop_column("parent_order", name)
