"""Emergency stops that the system asks for itself, the halt's steps and the flattening."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import select

from bot.execution.orders.one_by_one import each
from bot.risk.portfolio.kinds import AlertLevel
from bot.safety.alerts import conditions
from bot.safety.halting import scoped_state, unfinished
from bot.safety.halting.flat_watch import FlatWatch, tell_not_flat
from bot.safety.halting.flattening import WAIT_SECONDS, Flattener
from bot.safety.halting.halt import HaltReach, TradingHalt
from bot.safety.halting.report import facts_of
from bot.state.scope import EVERYTHING, Scope
from models.database import Database, UnitOfWork
from models.enums import ScopeKind, TradingState
from models.locks import AdvisoryLock, try_alone
from models.repositories.safety import states
from models.tables import TradingStateRow

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
    With `flatten` it also closes the positions of the scope (`flatten` below). Those of a strategy
    stay, because the exchange knows no strategies.
    """
    facts = {"automatic": True, "flatten": flatten}
    closes = flatten and scope.kind is not ScopeKind.STRATEGY
    wanted = TradingState.FLATTENING if closes else TradingState.HALTED
    already = scoped_state.tighten(
        uow, scope, wanted, scoped_state.HaltCause(cause, actor, facts), now
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
    that a lost message or process loses nothing. One process does it at a time; another returns at
    once, so that a hanging exchange never occupies all processes of the emergency worker.
    """
    with db.reading() as session:
        rows = states.all_halts_unsealed(session)
        found = [Scope.of(row) for row in rows]

    def take_steps(halt: TradingHalt, reach: HaltReach) -> None:
        halt.follow(halt.found(), reach, actor=ACTOR)

    return _each_alone(make_halt, db, found, take_steps)


def report_unfinished(make_halt: Callable[[], TradingHalt], db: Database, now: datetime) -> int:
    """Takes the steps of halts once more that were sealed and never reported, and writes their
    report; returns how many there were.

    Their process was killed before its record. One process does it at a time, as in `follow`.
    """
    with db.reading() as session:
        found = unfinished.found(session, now)

    def take_steps(halt: TradingHalt, reach: HaltReach) -> None:
        report = halt.carry_out(halt.found(), reach, actor=ACTOR)
        with db.unit_of_work() as uow:
            row = scoped_state.lock(uow, reach.scope, ACTOR, now)
            if unfinished.write_missing(uow, reach.scope, row, ACTOR, now, facts_of(report)):
                uow.commit()

    return _each_alone(make_halt, db, found, take_steps)


def _each_alone(
    make_halt: Callable[[], TradingHalt],
    db: Database,
    found: Sequence[Scope],
    take_steps: Callable[[TradingHalt, HaltReach], None],
) -> int:
    """Takes the steps of each halt, cancels included, unless another process is at it; returns how
    many halts there are."""
    if not found:
        return 0
    with (
        db.autocommit_connection() as connection,
        try_alone(connection, AdvisoryLock.HALT_FOLLOWER) as alone,
    ):
        if alone:
            trading_halt = make_halt()
            for scope in found:
                take_steps(trading_halt, HaltReach(scope, cancel=True))
    return len(found)


def flatten(make_flattener: Callable[[], Flattener], db: Database, now: datetime) -> int:
    """Takes one pass over every scope that is to be flattened; returns how many there were.

    A caller repeats it until no scope is in FLATTENING. People are told when one takes long. One
    process does it at a time, as in `follow`.
    """
    with db.reading() as session:
        wanted = select(TradingStateRow).where(TradingStateRow.state == TradingState.FLATTENING)
        found = [(Scope.of(row), row.changed_at) for row in session.scalars(wanted)]
    if not found:
        return 0

    def tell(scope: Scope, left: Sequence[str]) -> None:
        tell_not_flat(scope, left)
        with db.transaction() as session:
            conditions.not_flat(session, scope, left, now)

    def take_pass(one: tuple[Scope, datetime]) -> int:
        scope, since = one
        rest = WAIT_SECONDS - (now - since).total_seconds()
        with FlatWatch(scope, max(0.0, rest), tell) as watch:
            report = make_flattener().take_pass(scope, actor=ACTOR)
            watch.sees(report.left)
            # An exchange that can't be asked is no proof of anything.
            if report.flat_at is not None and watch.is_flat():
                # People may have been told after the pass had cleared the alert.
                with db.transaction() as session:
                    conditions.is_flat(session, scope, now)
        return 1

    with (
        db.autocommit_connection() as connection,
        try_alone(connection, AdvisoryLock.FLATTENER) as alone,
    ):
        for _ in each(found if alone else (), take_pass, "a scope can't be flattened"):
            pass
    return len(found)
