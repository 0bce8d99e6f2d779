"""Archives of the audit: a payload may leave the database once its archive is declared."""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

# As `models.archived.REMOVABLE` was when this was written.
_KINDS = (
    "'child_ended', 'child_held', 'child_not_taken', 'child_outcome', 'child_sending',"
    " 'child_shrunk', 'decision', 'fee_priced', 'fill', 'order_at_exchange', 'pace_changed',"
    " 'parent_ended', 'protective_stop_confirmed', 'protective_stop_ended',"
    " 'protective_stop_placed'"
)


def upgrade() -> None:
    op.create_index(
        "ix_audit_archived",
        "audit_entry",
        ["seq"],
        postgresql_where=sa.text("kind = 'audit_archived'"),
    )
    # Everything is refused but this: a payload of a trade's kind, 13 months old, that no operator
    # has signed, gives way to the name of its month. The entry has its leaf in the audit log, and
    # so has an entry that declares the archive with the SHA-256 of its file.
    op.execute(
        "CREATE FUNCTION guard_audit_entry() RETURNS trigger LANGUAGE plpgsql"
        " SET search_path = public, pg_temp AS $$"
        " DECLARE month text;"
        " BEGIN"
        " IF TG_OP = 'UPDATE' THEN"
        "  month := NEW.payload ->> 'archived';"
        "  IF NEW.payload = jsonb_build_object('archived', month)"
        "   AND (NEW.chain, NEW.seq, NEW.at, NEW.kind, NEW.subject, NEW.actor, NEW.prev_hash,"
        "        NEW.hash)"
        "    IS NOT DISTINCT FROM (OLD.chain, OLD.seq, OLD.at, OLD.kind, OLD.subject, OLD.actor,"
        "        OLD.prev_hash, OLD.hash)"
        f"   AND OLD.kind IN ({_KINDS})"
        "   AND OLD.actor NOT LIKE 'operator:%'"
        "   AND OLD.at < now() - interval '13 months'"
        # Compared as JSON, so that no forged declaration makes a number of a word.
        "   AND EXISTS (SELECT FROM audit_leaf AS leaf, audit_entry AS said"
        "    JOIN audit_leaf AS own ON own.chain = said.chain AND own.seq = said.seq"
        "    WHERE leaf.chain = OLD.chain AND leaf.seq = OLD.seq"
        "     AND said.kind = 'audit_archived' AND said.chain = 'global'"
        "     AND said.subject = 'audit:' || month AND said.payload ->> 'month' = month"
        "     AND said.payload ->> 'sha256' ~ '^[0-9a-f]{64}$'"
        "     AND to_jsonb(leaf.leaf) >= said.payload -> 'begins'"
        "     AND to_jsonb(leaf.leaf) < said.payload -> 'ends'"
        "     AND to_jsonb(OLD.seq) BETWEEN said.payload #> ARRAY['chains', OLD.chain, '0']"
        "                               AND said.payload #> ARRAY['chains', OLD.chain, '1'])"
        "  THEN RETURN NEW; END IF;"
        " END IF;"
        " RAISE EXCEPTION 'audit entries are immutable';"
        " END $$"
    )
    _guard_with("guard_audit_entry")


def downgrade() -> None:
    _guard_with("refuse_audit_change")
    op.execute("DROP FUNCTION guard_audit_entry()")
    op.drop_index("ix_audit_archived", table_name="audit_entry")


def _guard_with(function: str) -> None:
    op.execute("DROP TRIGGER audit_entry_is_immutable ON audit_entry")
    op.execute(
        "CREATE TRIGGER audit_entry_is_immutable BEFORE UPDATE OR DELETE ON audit_entry"
        f" FOR EACH ROW EXECUTE FUNCTION {function}()"
    )
