"""An audit of some old months, and what archives them."""

from datetime import UTC, datetime
from pathlib import Path

from bot.authority.actors import Actor
from bot.clock import FixedClock, SystemClock
from bot.safety.audit.archiving import Archiver, Witnessing
from models.archived import Declaration, file_of
from models.audit import AuditDraft, append_entries
from models.database import Database
from models.transparency.offline_verifier import VerifierKey
from models.transparency.submission import read
from tests.support.audit.log import CHAINS, LoggedAudit

MONTHS = ("2024-01", "2024-02", "2024-03")
KINDS = ("decision", "fill", "halted", "child_sending")
"""Of four entries of a chain and month, the third keeps its payload."""


def write_months(audit: LoggedAudit, months: tuple[str, ...] = MONTHS) -> None:
    """Four entries in each of two chains in each month; the witness has signed all of them."""
    for month in months:
        at = datetime.fromisoformat(f"{month}-15T12:00:00").replace(tzinfo=UTC)
        audit.clock = FixedClock(at)
        audit.start()
        for n, kind in enumerate(KINDS):
            subject = f"{month}/{n}"
            with audit.db.transaction() as session:
                drafts = [
                    AuditDraft(chain, kind, subject, "gate", {"n": n, "in": month}, at)
                    for chain in CHAINS
                ]
                append_entries(session, drafts)
        assert audit.step() is None
    audit.clock = SystemClock()
    audit.start()


def archiver_of(
    audit: LoggedAudit,
    owner: Database | None = None,
    *,
    free: bool = True,
    db: Database | None = None,
) -> Archiver:
    """What archives this audit, by the test's own login where no other is given."""
    key = VerifierKey.parse(audit.own.key.read_text())
    witnessing = Witnessing(audit.signer.key, key, lambda: read(audit.own.cosigned))
    return Archiver(db or audit.db, owner or audit.db, witnessing, SystemClock(), free=free)


def archive(
    audit: LoggedAudit, month: str, directory: Path, actor: Actor = "test", *, remove: bool = True
) -> Declaration:
    """Archives a month with all its steps."""
    archiver = archiver_of(audit)
    declared = archiver.archive(month, directory, actor)
    assert audit.step() is None
    assert archiver.is_witnessed(declared)
    if remove:
        archiver.remove(declared, directory / file_of(month))
    return declared
