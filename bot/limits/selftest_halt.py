"""Ineffective limits, which let their own synthetic breach pass: trading halts and names them."""

from collections.abc import Sequence

from bot.clock import Clock
from bot.safety.halting import global_state
from bot.safety.halting.halt import TradingHalt
from models.database import Database, UnitOfWork
from models.enums import ScopeKind
from models.repositories.safety import states

ACTOR = "self-test"
_SHOWN = 5


def halt_on_ineffective(db: Database, clock: Clock, problems: Sequence[str]) -> bool:
    """Halts if the limits have faults; returns True when trading went on until now."""
    if not problems:
        return False
    with db.unit_of_work() as uow:
        halted = halt_on_ineffective_in(uow, clock, problems)
        uow.commit()
    return halted


def seal(db: Database, clock: Clock) -> None:
    """Finishes such a halt: waits for senders under way and ends planned children.

    A sending process must not call this: it would wait for itself.
    """
    TradingHalt(db, clock).halt(reason="self-test", actor=ACTOR)


def halt_on_ineffective_in(uow: UnitOfWork, clock: Clock, problems: Sequence[str]) -> bool:
    """Halts within the caller's transaction.

    A system in FLATTENING stays there, because that state is stricter.
    """
    now = clock.now()
    row = states.lock_state(uow.session, ScopeKind.GLOBAL, states.GLOBAL_KEY, now=now, actor=ACTOR)
    if not problems or not row.state.allows_reducing:
        return False
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    reason = f"self-test: {'; '.join(problems[:_SHOWN])}{more}"
    global_state.set_halted(uow, reason=reason, actor=ACTOR, now=now)
    return True
