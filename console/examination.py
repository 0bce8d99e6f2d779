"""Runs the invariants on one consistent snapshot of a system's rows and its exchange's record."""

from datetime import UTC, datetime
from pathlib import Path

from config.settings import ExchangeMode, Settings
from console.context import reading
from console.exchange_record import ExchangeRecord, read_exchange_record
from console.invariants import InvariantResult, check_all
from console.invariants.evidence import Evidence
from models.audit import count_entries
from workers.home import Home

JOURNAL = "journal.jsonl"


def journal_path(settings: Settings) -> Path:
    """Where the home's paper exchange keeps its own record."""
    return Home(settings.home).paper / JOURNAL


def examine(settings: Settings, *, journal: Path | None = None) -> list[InvariantResult]:
    """Every invariant of the system that these settings name."""
    path = journal or journal_path(settings)
    with reading(settings.require_database_url()) as session:
        now = datetime.now(UTC)
        # The first statement takes the snapshot; the record is read after it, so that it holds
        # every fill that a row can have.
        count_entries(session)
        return check_all(Evidence(session, _record(settings, path), now))


def _record(settings: Settings, path: Path) -> ExchangeRecord | None:
    """None where no paper exchange of ours keeps one."""
    if settings.exchange_mode is not ExchangeMode.PAPER or not path.exists():
        return None
    return read_exchange_record(path)
