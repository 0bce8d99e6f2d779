"""Every trading state that was ever set has an audit entry that says so, found by an index."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.audit import GENESIS, GLOBAL_CHAIN, AuditDraft, entry_hash

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_KINDS = "kind IN ('halted', 'resumed', 'breaker_tripped', 'state_recorded')"


def upgrade() -> None:
    op.create_index(
        "ix_audit_state", "audit_entry", ["subject", "seq"], postgresql_where=sa.text(_KINDS)
    )
    # Entries of earlier versions don't say the epoch. What was never set needs none.
    held = op.get_bind().execute(
        sa.text(
            "SELECT scope_kind, scope_key, state, epoch FROM trading_state"
            " WHERE epoch > 0 OR state <> 'active' ORDER BY scope_kind, scope_key"
        )
    )
    for kind, key, state, epoch in held.all():
        _record(kind, key, {"reason": "migration", "to": state, "epoch": epoch})


def _record(kind: str, key: str, payload: dict[str, object]) -> None:
    connection = op.get_bind()
    chain = key if kind == "account" else GLOBAL_CHAIN
    connection.execute(sa.text("LOCK TABLE audit_entry IN EXCLUSIVE MODE"))
    newest = connection.execute(
        sa.text("SELECT seq, hash FROM audit_entry WHERE chain = :c ORDER BY seq DESC LIMIT 1"),
        {"c": chain},
    ).first()
    seq, before = (0, GENESIS) if newest is None else newest
    draft = AuditDraft(
        chain, "state_recorded", f"{kind}:{key}", "migration", payload, datetime.now(UTC)
    )
    entries = sa.table(
        "audit_entry",
        *(sa.column(name) for name in ("chain", "kind", "subject", "actor", "prev_hash", "hash")),
        sa.column("seq", sa.BigInteger()),
        sa.column("at", sa.DateTime(timezone=True)),
        sa.column("payload", postgresql.JSONB()),
    )
    connection.execute(
        entries.insert().values(
            chain=chain,
            seq=seq + 1,
            at=draft.at,
            kind=draft.kind,
            subject=draft.subject,
            actor=draft.actor,
            payload=payload,
            prev_hash=before,
            hash=entry_hash(before, seq + 1, draft),
        )
    )


def downgrade() -> None:
    op.drop_index("ix_audit_state", "audit_entry")
