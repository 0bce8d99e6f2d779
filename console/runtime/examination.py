"""Runs the invariants on one consistent snapshot of a system's rows and its exchange's record."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.settings import ExchangeMode, Settings
from console.context import reading
from console.invariants import InvariantResult, check_all
from console.invariants.evidence import SETTLING, Evidence
from console.runtime.exchange_record import ExchangeRecord, read_exchange_record
from models.audit import count_entries
from workers.home import Home
from workers.supervision.programs.servers import JOURNAL


def journal_path(settings: Settings) -> Path:
    """Where the home's paper exchange keeps its own record."""
    return Home(settings.home).paper / JOURNAL


def examine(
    settings: Settings, *, newest_decisions: int | None = None, all_settled: bool = False
) -> list[InvariantResult]:
    """Checks every invariant of the system that these settings name.

    With `all_settled` no fact is excused as still on its way. `newest_decisions` bounds the number
    of decisions to replay.
    """
    with reading(settings.require_database_url()) as session:
        now = datetime.now(UTC) + (SETTLING if all_settled else timedelta(0))
        # The first statement takes the snapshot; the record is read after it, so that it holds
        # every fill that a row can have.
        count_entries(session)
        return check_all(Evidence(session, _record(settings), now, newest_decisions))


def _record(settings: Settings) -> ExchangeRecord | None:
    """The paper exchange's own record; None where no paper exchange of ours keeps one."""
    path = journal_path(settings)
    if settings.exchange_mode is not ExchangeMode.PAPER or not path.exists():
        return None
    return read_exchange_record(path)
