"""The ends of the audit chains are compared with those that a file notes."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.safety.audit_heads import HeadsFile
from models.audit import AuditDraft, append_entries
from models.database import Database
from tests.support.fakes import T0

KEY = "a key of the home"


CUT = "DELETE FROM audit_entry WHERE chain = 'paper' AND seq > 3"


GONE = "DELETE FROM audit_entry WHERE chain = 'global'"


ALL_CUT = "DELETE FROM audit_entry WHERE seq > 1"


@pytest.fixture
def file(tmp_path: Path) -> HeadsFile:
    return HeadsFile(tmp_path / "heads.jsonl", KEY)


def write(db: Database, count: int = 5, *, what: str = "s") -> None:
    with db.transaction() as session:
        drafts = [
            AuditDraft(chain, "note", what, "test", {"n": n}, T0)
            for chain in ("global", "paper")
            for n in range(count)
        ]
        append_entries(session, drafts)


def note(db: Database, file: HeadsFile, minute: int = 0) -> list[str]:
    with db.transaction() as session:
        return file.note(session, T0 + timedelta(minutes=minute))


def problems(db: Database, file: HeadsFile) -> list[str]:
    with db.reading() as session:
        return file.problems(session)


def by_its_owner(db: Database, *statements: str) -> None:
    with db.transaction() as session:
        session.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER ALL"))
        for statement in statements:
            session.execute(text(statement))
        session.execute(text("ALTER TABLE audit_entry ENABLE TRIGGER ALL"))


def heads_follow(db: Database, *statements: str) -> None:
    """As `by_its_owner`, with the heads made to agree."""
    by_its_owner(
        db,
        *statements,
        "DELETE FROM audit_chain_head",
        "INSERT INTO audit_chain_head SELECT DISTINCT ON (chain) chain, seq, hash"
        " FROM audit_entry ORDER BY chain, seq DESC",
    )


@pytest.mark.parametrize(
    ("statement", "words"),
    [(CUT, "paper: entry 5 was there"), (GONE, "global: entry 5 was there")],
)
def test_an_end_that_is_cut_with_its_head_is_missed(
    db: Database, file: HeadsFile, statement: str, words: str
) -> None:
    write(db)
    note(db, file)
    heads_follow(db, statement)
    for found in (problems(db, file), note(db, file, 1)):
        assert any(words in line for line in found), found
        assert not any("older backup" in line for line in found)
    # Nor does a chain that goes on make it right again.
    write(db, what="other")
    assert any("entry 5 is not what it was" in line for line in problems(db, file))


def test_an_older_backup_is_named_with_what_to_do(db: Database, file: HeadsFile) -> None:
    write(db)
    note(db, file)
    heads_follow(db, ALL_CUT)
    found = problems(db, file)
    assert "an older backup was restored" in found[-1]
    assert "compare orders and positions with the exchange" in found[-1]
    # When the file was moved away, a new one begins.
    file.path.rename(file.path.with_suffix(".before"))
    assert note(db, file, 1) == []
    assert problems(db, file) == []
