"""Every change of an order's state, as Postgres saw it, and the audit entries beside it."""

from dataclasses import dataclass

from sqlalchemy import text

from models.database import Database

_TRIGGERS = """
CREATE TABLE seen_move (
    tx bigint, kind text, request_id text, link text, before text, after text
);
CREATE TABLE seen_entry (tx bigint, subject text, payload jsonb);
CREATE FUNCTION see_child() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen_move VALUES (txid_current(), 'child', NEW.request_id, NEW.order_link_id,
        OLD.state, NEW.state);
    RETURN NULL;
END $$;
CREATE FUNCTION see_parent() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen_move VALUES (txid_current(), 'parent', NEW.request_id, NULL,
        OLD.state, NEW.state);
    RETURN NULL;
END $$;
CREATE FUNCTION see_entry() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen_entry VALUES (txid_current(), NEW.subject, NEW.payload);
    RETURN NULL;
END $$;
CREATE TRIGGER see_child AFTER UPDATE OF state ON child_order
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION see_child();
CREATE TRIGGER see_parent AFTER UPDATE OF state ON parent_order
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION see_parent();
CREATE TRIGGER see_entry AFTER INSERT ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION see_entry();
"""
_MOVES = text(
    """
    SELECT kind, coalesce(link, request_id) AS subject, before, after, EXISTS (
        SELECT FROM seen_entry AS entry
        WHERE entry.tx = move.tx AND entry.subject = move.request_id AND (
            move.kind = 'parent' OR entry.payload ->> 'child' = move.link
            OR entry.payload -> 'children' @> to_jsonb(move.link)
        )
    ) AS audited
    FROM seen_move AS move ORDER BY tx, subject
    """
)


@dataclass(frozen=True, slots=True)
class Move:
    """One change of a state that was committed."""

    kind: str
    """`child` or `parent`."""
    subject: str
    before: str
    after: str
    audited: bool
    """An entry of the same transaction names it."""


def watch_moves(db: Database) -> None:
    """From now on every change of a state is noted by triggers of this test database."""
    with db.transaction() as session:
        session.connection().exec_driver_sql(_TRIGGERS)


def moves(db: Database) -> list[Move]:
    """All that were noted and committed, transaction by transaction."""
    with db.reading() as session:
        return [Move(*row) for row in session.execute(_MOVES)]
