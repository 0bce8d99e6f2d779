"""Chains are verified in pieces, and every damage is still found and named."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from models.audit import AuditDraft, all_chains, append_entries, chains, verify_chain
from models.audit_progress import ChainProgress, verify_on
from models.database import Database
from models.tables import AuditCheckpointRow
from tests.support.fakes import T0

pytestmark = pytest.mark.services
PIECE = 10


def write(db: Database, chain: str, count: int) -> None:
    with db.transaction() as session:
        drafts = [
            AuditDraft(chain, "note", f"s-{n}", "test", {"n": n}, T0 + timedelta(seconds=n))
            for n in range(count)
        ]
        append_entries(session, drafts)


def run(db: Database) -> ChainProgress:
    with db.transaction() as session:
        (found,) = verify_on(session, T0, piece=PIECE)
    return found


def damage(db: Database, statement: str) -> None:
    with db.transaction() as session:
        session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        session.execute(text(statement))
        session.execute(text("ALTER TABLE audit_entry ENABLE TRIGGER ALL"))


def verified(db: Database, entries: int) -> None:
    write(db, "paper", entries)
    while run(db).verified_to < entries:
        pass


def test_a_run_verifies_what_is_new_and_a_piece_of_the_past(db: Database) -> None:
    write(db, "paper", 25)
    assert [(r.verified_to, r.round_at) for r in (run(db), run(db), run(db))] == [
        (10, 0),
        (20, 10),
        (25, 20),
    ]
    write(db, "paper", 3)
    found = run(db)
    assert (found.verified_to, found.round_at, found.head) == (28, 25, 28)
    assert (run(db).round_at, run(db).round_at) == (28, 10)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit_entry SET subject = 'x' WHERE seq = 3", "entry 3 was changed"),
        ("UPDATE audit_entry SET payload = '{}' WHERE seq = 24", "entry 24 was emptied by hand"),
        ("DELETE FROM audit_entry WHERE seq = 7", "entry 7 is missing"),
        ("DELETE FROM audit_entry WHERE seq > 20", "entry 25 was verified and is gone"),
        ("DELETE FROM audit_entry", "entry 25 was verified and is gone"),
        ("UPDATE audit_entry SET hash = repeat('0', 64) WHERE seq = 25", "entry 25 was replaced"),
    ],
)
def test_damage_to_what_was_verified_is_found_within_a_round(
    db: Database, statement: str, words: str
) -> None:
    verified(db, 25)
    damage(db, statement)
    found = [problem for _ in range(5) for problem in run(db).problems]
    assert any(words in problem for problem in found), found


def test_a_problem_is_named_again_until_it_is_dealt_with(db: Database) -> None:
    verified(db, 5)
    write(db, "paper", 5)
    damage(db, "UPDATE audit_entry SET actor = 'x' WHERE seq = 7")
    first, second = run(db), run(db)
    assert first.problems == second.problems
    assert first.problems
    with db.reading() as session:
        (checkpoint,) = session.scalars(select(AuditCheckpointRow)).all()
    assert checkpoint.seq == 5


def test_a_whole_chain_is_read_in_pages(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.audit._PAGE", 10)
    write(db, "paper", 20)
    write(db, "other", 7)
    with db.reading() as session:
        assert chains(session) == ["other", "paper"]
        assert verify_chain(session, "paper").entries == 20
        assert verify_chain(session, "other").problems == ()
        assert chains(session) == sorted(chains(session))


CUT = "DELETE FROM audit_entry WHERE seq > 20"
GONE = "DELETE FROM audit_entry"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (CUT, "its end is gone; it ends with entry 20, and its head says 25"),
        (GONE, "the whole chain is gone; its head says 25"),
        (f"{CUT}; DELETE FROM audit_chain_head", "ends with entry 20, and its head is gone"),
        ("UPDATE audit_chain_head SET seq = 9", "ends with entry 25, and its head says 9"),
        ("UPDATE audit_chain_head SET hash = 'x'", "is not the one that its head names"),
    ],
)
def test_an_end_that_was_never_verified_is_missed_by_its_head(
    db: Database, statement: str, words: str
) -> None:
    """Seen: what was cut off before the first verification was missed by nobody."""
    write(db, "paper", 25)
    damage(db, statement)
    with db.transaction() as session:
        (found,) = verify_on(session, T0)
        assert all_chains(session) == ["paper"]
        whole = verify_chain(session, "paper")
    assert any(words in problem for problem in found.problems), found.problems
    assert any(words in problem for problem in whole.problems)


def test_a_cut_end_stays_to_be_seen_after_the_chain_has_gone_on(db: Database) -> None:
    write(db, "paper", 25)
    damage(db, CUT)
    write(db, "paper", 3)
    with db.transaction() as session:
        report = verify_chain(session, "paper")
    assert report.entries == 28
    assert any("entry 21 is missing before entry 26" in problem for problem in report.problems)
