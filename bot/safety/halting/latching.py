"""The first step of a halt: its state row, from whose commit no claim of an entry succeeds."""

from dataclasses import dataclass
from datetime import datetime

from bot.authority.actors import Actor
from bot.clock import Clock
from bot.safety.halting import scoped_state
from bot.state.scope import EVERYTHING, Scope
from models.database import Database, UnitOfWork
from models.enums import TradingState

REHEARSAL = "halt-standby"
"""The actor of a halt that is taken back."""


@dataclass(frozen=True, slots=True)
class Latched:
    """A halt's state row as it stands: no claim of an entry of its scope succeeds any more."""

    already: bool
    """Whether the scope was that strict before."""
    at: datetime
    """The time after the row's commit, or of the look that found it halted."""


def set_halted(
    db: Database, clock: Clock, reason: str, actor: Actor, scope: Scope, *, flatten: bool
) -> Latched:
    """Writes the state row alone. The act is an audit entry in any case.

    `flatten` sets FLATTENING, which a `Flattener` ends. Raises SQLAlchemy's DBAPIError when the
    commit failed; then nothing is halted.
    """
    with db.unit_of_work() as uow:
        already = _tighten(uow, clock, scoped_state.HaltCause(reason, actor), scope, flatten)
        uow.commit()
    return Latched(already, clock.now())


def rehearse(db: Database, clock: Clock) -> None:
    """Runs the statements of a halt of all trading, and takes them back.

    The next halt by the same connection finds them compiled and planned. Raises DBAPIError.
    """
    with db.unit_of_work() as uow:
        cause = scoped_state.HaltCause("rehearsal", REHEARSAL)
        _tighten(uow, clock, cause, EVERYTHING, flatten=False)
        uow.rehearse()


def _tighten(
    uow: UnitOfWork, clock: Clock, cause: scoped_state.HaltCause, scope: Scope, flatten: bool
) -> bool:
    """Whether the scope was that strict before."""
    now, wanted = clock.now(), TradingState.FLATTENING if flatten else TradingState.HALTED
    already = scoped_state.tighten(uow, scope, wanted, cause, now)
    if already:
        scoped_state.note_again(uow, scope, cause, wanted, now)
    return already
