"""What blocked trades would have been worth: written once, never changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

_MONEY = sa.Numeric(38, 18)
_UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "gate_value",
        sa.Column("request_id", sa.Text(), primary_key=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("decided_at", _UTC, nullable=False),
        sa.Column("known_at", _UTC, nullable=False),
        sa.Column("blockers", ARRAY(sa.Text()), nullable=False),
        sa.Column("shares", ARRAY(sa.Double()), nullable=False),
        sa.Column("not_valued", sa.Text(), nullable=True),
        sa.Column("qty", _MONEY, nullable=True),
        sa.Column("entry_price", _MONEY, nullable=True),
        sa.Column("exit_price", _MONEY, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_at", _UTC, nullable=True),
        sa.Column("spread", _MONEY, nullable=True),
        sa.Column("impact", _MONEY, nullable=True),
        sa.Column("fees", _MONEY, nullable=True),
        sa.Column("fee_rate", _MONEY, nullable=True),
        sa.Column("profit", _MONEY, nullable=True),
        sa.Column("equity", _MONEY, nullable=True),
        sa.Column("profit_bps", sa.Double(), nullable=True),
        sa.Column("judged_at", _UTC, nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["decision.request_id"]),
        sa.CheckConstraint(
            "(not_valued IS NULL) = (profit IS NOT NULL)", name="ck_gate_value_known_or_not"
        ),
    )
    op.create_index("ix_gate_value_decided", "gate_value", ["decided_at"])
    op.execute(
        "CREATE FUNCTION gate_value_is_immutable() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the worth of a block is written once'; END $$"
    )
    op.execute(
        "CREATE TRIGGER gate_value_is_immutable BEFORE UPDATE OR DELETE ON gate_value"
        " FOR EACH ROW EXECUTE FUNCTION gate_value_is_immutable()"
    )
    op.execute(
        "CREATE TRIGGER gate_value_is_never_emptied BEFORE TRUNCATE ON gate_value"
        " EXECUTE FUNCTION gate_value_is_immutable()"
    )


def downgrade() -> None:
    op.drop_table("gate_value")
    op.execute("DROP FUNCTION gate_value_is_immutable()")
