"""Emergency stops that the system asks for itself, and the halt's steps that follow them."""

import logging
from collections.abc import Callable
from datetime import datetime

from bot.risk.portfolio.kinds import AlertLevel
from bot.safety import scoped_state
from bot.safety.halt import TradingHalt
from bot.state.scope import EVERYTHING, Scope
from models.database import Database, UnitOfWork
from models.enums import ScopeKind, TradingState
from models.repositories import states

log = logging.getLogger(__name__)

ACTOR = "emergency-stop"


def request_emergency_stop(
    uow: UnitOfWork,
    cause: str,
    now: datetime,
    *,
    scope: Scope = EVERYTHING,
    flatten: bool = False,
    actor: str = ACTOR,
) -> bool:
    """Halts the scope in the caller's transaction; returns True when it was halted already.

    From the commit on no claim of an entry of the scope succeeds. The halt's further steps follow
    from the row: an unsealed halt is stopped, cancelled and sealed by the emergency worker.
    `flatten` is recorded with the cause; a person closes the positions.
    """
    facts = {"automatic": True, "flatten": flatten}
    already = scoped_state.tighten(
        uow, scope, TradingState.HALTED, scoped_state.HaltCause(cause, actor, facts), now
    )
    if not already:
        log.critical(
            "EMERGENCY STOP of %s: %s",
            scope,
            cause,
            extra={"event": "emergency_stop", "alert": AlertLevel.EMERGENCY.value},
        )
    return already


def follow(make_halt: Callable[[], TradingHalt], db: Database) -> int:
    """Stops, cancels and seals every halt that is not sealed yet; returns how many there were.

    `make_halt` is called only when there is one. The state rows alone tell what is left to do, so
    that a lost message or process loses nothing.
    """
    with db.reading() as session:
        rows = states.all_halts_unsealed(session)
        found = [Scope(ScopeKind(row.scope_kind), row.scope_key) for row in rows]
    if not found:
        return 0
    trading_halt = make_halt()
    for scope in found:
        trading_halt.follow(True, actor=ACTOR, cancel=True, scope=scope)
    return len(found)
