"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "seq"),
    )
    op.create_index("ix_audit_at", "audit_entry", ["at"], unique=False)
    op.create_index("ix_audit_subject", "audit_entry", ["subject"], unique=False)
    op.create_table(
        "breaker",
        sa.Column("scope_kind", sa.Text(), nullable=False),
        sa.Column("scope_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tripped", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("limit", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope_kind", "scope_key", "kind"),
    )
    op.create_table(
        "equity",
        sa.Column("equity_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("equity", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("wallet_balance", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("available", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("unrealised_pnl", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.PrimaryKeyConstraint("equity_id"),
    )
    op.create_index("ix_equity_account_at", "equity", ["account", "at"], unique=False)
    op.create_table(
        "equity_day",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("start_equity", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("peak_equity", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("low_equity", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.PrimaryKeyConstraint("account", "day"),
    )
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "instrument",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("tick_size", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("qty_step", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("min_qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("max_qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("min_notional", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("max_leverage", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("symbol"),
    )
    op.create_table(
        "position",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("entry_price", sa.Numeric(precision=38, scale=18), nullable=True),
        sa.Column("realised_pnl", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("fees", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol"),
    )
    op.create_table(
        "trade_request",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("payload_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("ix_trade_request_received", "trade_request", ["received_at"], unique=False)
    op.create_index("ix_trade_request_status", "trade_request", ["status"], unique=False)
    op.create_table(
        "trading_state",
        sa.Column("scope_kind", sa.Text(), nullable=False),
        sa.Column("scope_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("scope_kind", "scope_key"),
    )
    op.create_table(
        "decision",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("approved_qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("approved_notional", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("reference_price", sa.Numeric(precision=38, scale=18), nullable=True),
        sa.Column("intent", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("limits", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decision", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decision_sha256", sa.Text(), nullable=False),
        sa.Column("gate_version", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["trade_request.request_id"],
        ),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("ix_decision_decided", "decision", ["decided_at"], unique=False)
    op.create_table(
        "parent_order",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("approved_qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("filled_qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("released_qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("filled_notional", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("fees", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("reference_price", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("price_limit", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("permit_epoch", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("filled_qty + released_qty <= approved_qty", name="ck_parent_not_over"),
        sa.CheckConstraint("filled_qty >= 0 AND released_qty >= 0", name="ck_parent_not_negative"),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["trade_request.request_id"],
        ),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index("ix_parent_state", "parent_order", ["state"], unique=False)
    op.create_table(
        "reservation",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("reference_price", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("approved_qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("open_qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "open_qty >= 0 AND open_qty <= approved_qty", name="ck_reservation_open"
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["trade_request.request_id"],
        ),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index(
        "ix_reservation_held",
        "reservation",
        ["account", "symbol"],
        unique=False,
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_table(
        "child_order",
        sa.Column("child_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("order_link_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("filled_qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fencing_token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claims", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("posts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("final_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exchange_order_id", sa.Text(), nullable=True),
        sa.Column("exchange_filled_qty", sa.Numeric(precision=38, scale=18), nullable=True),
        sa.Column("exchange_status", sa.Text(), nullable=True),
        sa.Column("ret_code", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("qty > 0 AND filled_qty >= 0", name="ck_child_quantities"),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["parent_order.request_id"],
        ),
        sa.PrimaryKeyConstraint("child_id"),
        sa.UniqueConstraint("order_link_id", name="uq_child_order_link_id"),
        sa.UniqueConstraint("request_id", "slot", "attempt", name="uq_child_slot_attempt"),
    )
    op.create_index(
        "ix_child_due",
        "child_order",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'planned'"),
    )
    op.create_index(
        "ix_child_unresolved",
        "child_order",
        ["account", "symbol"],
        unique=False,
        postgresql_where=sa.text("state IN ('sending', 'acked', 'working', 'unknown')"),
    )
    op.create_table(
        "fill",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("exec_id", sa.Text(), nullable=False),
        sa.Column("child_id", sa.BigInteger(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("order_link_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("qty", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("price", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("fee", sa.Numeric(precision=38, scale=18), nullable=False),
        sa.Column("fee_currency", sa.Text(), nullable=False),
        sa.Column("is_maker", sa.Boolean(), nullable=False),
        sa.Column("exec_type", sa.Text(), nullable=False),
        sa.Column("executed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["child_id"],
            ["child_order.child_id"],
        ),
        sa.PrimaryKeyConstraint("account", "exec_id"),
    )
    op.create_index("ix_fill_child", "fill", ["child_id"], unique=False)
    op.create_index("ix_fill_executed", "fill", ["account", "executed_at"], unique=False)
    # The global state exists from the first moment: a missing row means no.
    op.execute(
        "INSERT INTO trading_state"
        " (scope_kind, scope_key, state, reason, actor, epoch, changed_at)"
        " VALUES ('global', '*', 'active', 'initial', 'migration', 0, now())"
    )
    op.execute(
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit entries are immutable'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_entry_is_immutable BEFORE UPDATE OR DELETE ON audit_entry"
        " FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()"
    )


def downgrade() -> None:
    op.drop_index("ix_fill_executed", table_name="fill")
    op.drop_index("ix_fill_child", table_name="fill")
    op.drop_table("fill")
    op.drop_index(
        "ix_child_unresolved",
        table_name="child_order",
        postgresql_where=sa.text("state IN ('sending', 'acked', 'working', 'unknown')"),
    )
    op.drop_index(
        "ix_child_due", table_name="child_order", postgresql_where=sa.text("state = 'planned'")
    )
    op.drop_table("child_order")
    op.drop_index(
        "ix_reservation_held", table_name="reservation", postgresql_where=sa.text("state = 'held'")
    )
    op.drop_table("reservation")
    op.drop_index("ix_parent_state", table_name="parent_order")
    op.drop_table("parent_order")
    op.drop_index("ix_decision_decided", table_name="decision")
    op.drop_table("decision")
    op.drop_table("trading_state")
    op.drop_index("ix_trade_request_status", table_name="trade_request")
    op.drop_index("ix_trade_request_received", table_name="trade_request")
    op.drop_table("trade_request")
    op.drop_table("position")
    op.drop_table("instrument")
    op.drop_table("heartbeat")
    op.drop_table("equity_day")
    op.drop_index("ix_equity_account_at", table_name="equity")
    op.drop_table("equity")
    op.drop_table("breaker")
    op.drop_index("ix_audit_subject", table_name="audit_entry")
    op.drop_index("ix_audit_at", table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_table("account")
    op.execute("DROP FUNCTION refuse_audit_change()")
