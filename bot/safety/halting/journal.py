"""Takes the halt journal into Postgres: its halts, and the orders that closed positions meanwhile.

`bot/state/halt_journal.py` has the file.
"""

import logging
from datetime import datetime
from pathlib import Path

from bot.clock import Clock
from bot.errors import Refused
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.halting import scoped_state
from bot.state import halt_journal, scope
from bot.state.halt_journal import Entries, JournalledExit, JournalledHalt
from bot.state.halt_journal import pending as pending
from bot.state.scope import EVERYTHING, Scope
from models.audit import GLOBAL_CHAIN
from models.database import Database, UnitOfWork
from models.enums import ScopeKind, TradingState

log = logging.getLogger(__name__)

DIRECT_EXIT = "direct_exit"
"""The kind of the audit entry of an order that closed a position without Postgres."""
_ACTOR = "halt-journal"


def record(db: Database, home: Path, clock: Clock) -> int:
    """Halts what the journal says, in one transaction, and takes the file away after its commit.

    A halt that was to flatten is recorded as FLATTENING, so that the emergency worker closes what
    is left. Returns the number of halts. The file stays when Postgres can't be written.
    """
    entries = Entries()
    try:
        with halt_journal.taking(home) as entries:
            if entries.halts or entries.exits:
                _record(db, entries, clock)
    except OSError as error:
        log.critical(
            "the halt journal can't be read (%s): entries stop until a person has looked at it",
            error.strerror,
            extra={"event": "halt_journal_unreadable", "alert": AlertLevel.CRITICAL.value},
        )
        return 0
    if entries.halts:
        log.critical(
            "HALTED: %d halts that were given without Postgres are recorded now",
            len(entries.halts),
            extra={"event": "journalled_halts_recorded", "alert": AlertLevel.CRITICAL.value},
        )
    return len(entries.halts)


def _record(db: Database, entries: Entries, clock: Clock) -> None:
    now = clock.now()
    with db.unit_of_work() as uow:
        for halt in entries.halts:
            cause = scoped_state.HaltCause(
                f"{halt.reason} (halted without Postgres)",
                halt.actor,
                {"journalled_at": halt.at.isoformat(), "flatten": halt.flatten},
            )
            scope = _scope(halt)
            flattens = halt.flatten and scope.kind is not ScopeKind.STRATEGY
            wanted = TradingState.FLATTENING if flattens else TradingState.HALTED
            scoped_state.tighten(uow, scope, wanted, cause, now)
        for exit_ in entries.exits:
            _record_exit(uow, exit_, now)
        uow.commit()


def _record_exit(uow: UnitOfWork, exit_: JournalledExit, now: datetime) -> None:
    """An entry for each line: before it was sent, and with its outcome."""
    facts = {
        "symbol": exit_.symbol,
        "side": exit_.side,
        "position": exit_.qty,
        "outcome": exit_.outcome or "about to be sent",
        "journalled_at": exit_.at.isoformat(),
    }
    uow.audit(GLOBAL_CHAIN, DIRECT_EXIT, exit_.order_link_id, _ACTOR, facts, now)


def _scope(halt: JournalledHalt) -> Scope:
    """The scope of a halt; everything when it can't be read."""
    try:
        # An account is always written with its name.
        return scope.parse(halt.scope, account="")
    except Refused:
        return EVERYTHING
