"""Where each audit chain ends, so that an end that is cut off is missed."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_chain_head",
        sa.Column("chain", sa.Text(), primary_key=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
    )
    op.execute(
        # As its owner: who adds to the audit need not be able to change a head.
        "CREATE FUNCTION move_audit_head() RETURNS trigger LANGUAGE plpgsql"
        " SECURITY DEFINER SET search_path = public, pg_temp AS $$"
        " BEGIN"
        " INSERT INTO audit_chain_head AS head (chain, seq, hash)"
        " SELECT DISTINCT ON (chain) chain, seq, hash FROM written ORDER BY chain, seq DESC"
        " ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash"
        " WHERE head.seq < excluded.seq;"
        " RETURN NULL;"
        " END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_entry_moves_its_head AFTER INSERT ON audit_entry"
        " REFERENCING NEW TABLE AS written"
        " FOR EACH STATEMENT EXECUTE FUNCTION move_audit_head()"
    )
    # The index is read once per chain, not once per entry.
    op.execute(
        "INSERT INTO audit_chain_head"
        " WITH RECURSIVE found AS ("
        " (SELECT chain FROM audit_entry ORDER BY chain LIMIT 1)"
        " UNION ALL"
        " SELECT (SELECT chain FROM audit_entry AS next WHERE next.chain > found.chain"
        " ORDER BY chain LIMIT 1) FROM found WHERE found.chain IS NOT NULL)"
        " SELECT newest.chain, newest.seq, newest.hash FROM found CROSS JOIN LATERAL"
        " (SELECT chain, seq, hash FROM audit_entry AS entry WHERE entry.chain = found.chain"
        " ORDER BY seq DESC LIMIT 1) AS newest"
    )
    # A chain whose end was cut goes on after its head: the gap stays for ever to be seen.
    op.execute(
        "CREATE OR REPLACE FUNCTION audit_head(lock_kind int, lock_key int, wanted text)"
        " RETURNS TABLE (seq bigint, hash text) LANGUAGE plpgsql VOLATILE"
        " SECURITY DEFINER SET search_path = public, pg_temp AS $$"
        " BEGIN"
        " PERFORM pg_advisory_xact_lock(lock_kind, lock_key);"
        " RETURN QUERY SELECT newest.seq, newest.hash FROM ("
        " (SELECT entry.seq, entry.hash::text FROM audit_entry AS entry"
        " WHERE entry.chain = wanted ORDER BY entry.seq DESC LIMIT 1)"
        " UNION ALL"
        " (SELECT head.seq, head.hash::text FROM audit_chain_head AS head"
        " WHERE head.chain = wanted)"
        " ) AS newest (seq, hash) ORDER BY newest.seq DESC LIMIT 1;"
        " END $$"
    )


def downgrade() -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION audit_head(lock_kind int, lock_key int, wanted text)"
        " RETURNS TABLE (seq bigint, hash text) LANGUAGE plpgsql VOLATILE"
        " SECURITY INVOKER AS $$"
        " BEGIN"
        " PERFORM pg_advisory_xact_lock(lock_kind, lock_key);"
        " RETURN QUERY SELECT entry.seq, entry.hash::text FROM audit_entry AS entry"
        " WHERE entry.chain = wanted ORDER BY entry.seq DESC LIMIT 1;"
        " END $$"
    )
    op.execute("DROP TRIGGER audit_entry_moves_its_head ON audit_entry")
    op.execute("DROP FUNCTION move_audit_head()")
    op.drop_table("audit_chain_head")
