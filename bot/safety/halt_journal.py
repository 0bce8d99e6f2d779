"""Takes the halts of the halt journal into Postgres (`bot/state/halt_journal.py` has the file)."""

import logging
from collections.abc import Sequence
from pathlib import Path

from bot.clock import Clock
from bot.errors import Refused
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety import scoped_state
from bot.state import halt_journal, scope
from bot.state.halt_journal import JournalledHalt
from bot.state.halt_journal import pending as pending
from bot.state.scope import EVERYTHING, Scope
from models.database import Database
from models.enums import TradingState

log = logging.getLogger(__name__)


def record(db: Database, home: Path, clock: Clock) -> int:
    """Halts what the journal says, in one transaction, and takes the file away after its commit.

    Returns the number of halts. The file stays when Postgres can't be written.
    """
    try:
        with halt_journal.taking(home) as halts:
            if halts:
                _halt(db, halts, clock)
    except OSError as error:
        log.critical(
            "the halt journal can't be read (%s): entries stop until a person has looked at it",
            error.strerror,
            extra={"event": "halt_journal_unreadable", "alert": AlertLevel.CRITICAL.value},
        )
        return 0
    if halts:
        log.critical(
            "HALTED: %d halts that were given without Postgres are recorded now",
            len(halts),
            extra={"event": "journalled_halts_recorded", "alert": AlertLevel.CRITICAL.value},
        )
    return len(halts)


def _halt(db: Database, halts: Sequence[JournalledHalt], clock: Clock) -> None:
    now = clock.now()
    with db.unit_of_work() as uow:
        for halt in halts:
            cause = scoped_state.HaltCause(
                f"{halt.reason} (halted without Postgres)",
                halt.actor,
                {"journalled_at": halt.at.isoformat(), "flatten": halt.flatten},
            )
            scoped_state.tighten(uow, _scope(halt), TradingState.HALTED, cause, now)
        uow.commit()


def _scope(halt: JournalledHalt) -> Scope:
    """The scope of a halt; everything when it can't be read."""
    try:
        # An account is always written with its name.
        return scope.parse(halt.scope, account="")
    except Refused:
        return EVERYTHING
