"""A chain's lock and its newest entry in one round trip."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # VOLATILE matters: only then does the second statement see what the lock's last holder has
    # committed while the first one waited.
    op.execute(
        "CREATE FUNCTION audit_head(lock_kind int, lock_key int, wanted text)"
        " RETURNS TABLE (seq bigint, hash text) LANGUAGE plpgsql VOLATILE AS $$"
        " BEGIN"
        " PERFORM pg_advisory_xact_lock(lock_kind, lock_key);"
        " RETURN QUERY SELECT entry.seq, entry.hash::text FROM audit_entry AS entry"
        " WHERE entry.chain = wanted ORDER BY entry.seq DESC LIMIT 1;"
        " END $$"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION audit_head(int, int, text)")
