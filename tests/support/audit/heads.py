"""Audit chains, and the file that notes their heads."""

from datetime import timedelta

from bot.safety.audit.heads import HeadsFile
from models.audit import AuditDraft, append_entries
from models.database import Database
from tests.support.fakes import T0

KEY = "a key of the home"


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
