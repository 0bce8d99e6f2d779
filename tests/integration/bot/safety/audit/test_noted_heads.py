"""The ends of the audit chains are compared with those that a file notes."""

import pytest
from sqlalchemy import text

from bot.safety.audit.heads import HeadsFile
from models.database import Database
from tests.support.audit.heads import note, problems, write

CUT = "DELETE FROM audit_entry WHERE chain = 'paper' AND seq > 3"


GONE = "DELETE FROM audit_entry WHERE chain = 'global'"


ALL_CUT = "DELETE FROM audit_entry WHERE seq > 1"


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
