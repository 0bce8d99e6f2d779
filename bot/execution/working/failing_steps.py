"""Failing steps of event-driven parents: tried ever less often, alerted, and set aside at last.

A step is marked in its parent's row before anything is read for it, in a transaction of its own, so
that a step that kills its process counts as a failure too. An exit is never set aside before its
deadline: after a few failures it is sent at once instead of by its algorithm, after more failures
without the market too, by the last known price. A successful step resets the failures.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.execution.orders import fallback_rows
from bot.execution.orders.attempts import SERVERS_AWAY, failure_text
from bot.execution.ports import Deps, OrderWork
from bot.execution.working import setting_aside
from models.enums import Algorithm
from models.locks import lock_parent
from models.tables import ParentOrderRow

log = logging.getLogger(__name__)

IMMEDIATE_AT = 3
"""Failures in a row after which an exit is worked without its algorithm."""
ALERTED_AT = 5
"""Failures in a row after which people are alerted."""
SET_ASIDE_AT = 10
"""Failures in a row, over two and a half minutes, after which an entry is set aside."""
LONGEST_PAUSE = timedelta(seconds=30)
LONGEST_LOOK = timedelta(seconds=1.5)
"""A step that began this long ago has died or hangs. Until then a second message leaves the parent
to it. A step that was only slow resets the count when it ends."""
DIED = "its process died during a step"
_TOO_LONG = frozenset({"57014", "25P03"})
"""SQLSTATEs by which Postgres ends a statement or an idle transaction: such a step takes too long
each time. SQLAlchemy calls both operational, like an unreachable server."""


def begin(deps: Deps, request_id: str, *, alone: bool = False) -> ParentOrderRow | None:
    """Marks that a step begins, and returns its parent; None when it isn't due or another process
    works it.

    A mark of an earlier step is that of a process that died: a failure, counted here. `alone` means
    that this process has died for sure.
    """
    with deps.work() as uow:
        parent = lock_parent(uow.session, request_id)
        now = uow.now
        if parent is None or parent.step_at is None or parent.step_at > now:
            return None
        begun = parent.step_begun_at
        if begun is None:
            # Postgres itself may forget the mark when it crashes: then no step killed anything.
            uow.session.execute(text("SET LOCAL synchronous_commit = off"))
        elif not alone and now - begun < LONGEST_LOOK:
            return None
        else:
            _count(uow, parent, DIED)
        parent.step_begun_at = now
        uow.commit()
    return parent


def failed(deps: Deps, request_id: str, error: Exception) -> None:
    """Stores why a step failed, and delays the next one or sets the parent aside.

    An unreachable server says nothing about the parent: then only the mark is taken back.
    """
    with deps.work() as uow:
        parent = lock_parent(uow.session, request_id)
        if parent is None or parent.state.is_final:
            return
        parent.step_begun_at = None
        if not says_nothing(error):
            parent.step_at = uow.now + _pause(parent.step_failures + 1)
            parent.step_wake_at = None
            _count(uow, parent, failure_text(error))
        uow.commit()


def says_nothing(error: Exception) -> bool:
    """Whether a server was unreachable, which is no failure of the parent."""
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _TOO_LONG:
        return False
    return isinstance(error, SERVERS_AWAY)


def worked(parent: ParentOrderRow) -> None:
    """Resets the failures in the transaction of a successful step. A blind exit stays blind,
    because its algorithm would fail again."""
    if parent.step_failures and not is_blind(parent):
        parent.step_failures, parent.failure = 0, None


def is_blind(parent: ParentOrderRow) -> bool:
    """Whether an exit is worked without its algorithm and without the market."""
    return parent.reduce_only and parent.step_failures >= ALERTED_AT


def _count(uow: OrderWork, parent: ParentOrderRow, failure: str) -> None:
    """Counts a failure and acts on the count."""
    parent.step_failures += 1
    parent.failure = failure
    log.error(
        "a step of a trade failed: %s",
        failure,
        extra={"event": "step_failed", "request": parent.request_id},
    )
    if parent.step_failures == IMMEDIATE_AT and _can_go_at_once(parent, uow.now):
        _go_at_once(uow, parent)
    if parent.step_failures == ALERTED_AT:
        facts = {"failures": ALERTED_AT, "failure": failure, "symbol": parent.symbol}
        uow.add_entry(parent.account, "steps_failing", parent.request_id, "worker", facts)
        log.critical(
            "the steps of a trade go on failing: %s",
            failure,
            extra={"event": "a_trade_cant_be_worked", "request": parent.request_id},
        )
    if parent.set_aside_at is None and parent.step_failures >= _patience(parent, uow.now):
        setting_aside.set_aside(uow, parent)
        parent.step_at = uow.now


def _can_go_at_once(parent: ParentOrderRow, now: datetime) -> bool:
    if not parent.reduce_only or parent.stop_reason is not None or now >= parent.deadline_at:
        return False
    return fallback_rows.working_algorithm(parent) is not Algorithm.IMMEDIATE


def _go_at_once(uow: OrderWork, parent: ParentOrderRow) -> None:
    """Goes on without the algorithm; its own price bound holds as before."""
    facts = {
        "failures": parent.step_failures,
        "failure": parent.failure,
        "from": fallback_rows.working_algorithm(parent).value,
        "symbol": parent.symbol,
    }
    fallback_rows.switch(uow, parent, Algorithm.IMMEDIATE)
    uow.add_entry(parent.account, "exit_goes_at_once", parent.request_id, "worker", facts)
    log.critical(
        "the algorithm of an exit fails; the exit goes out at once: %s",
        parent.failure,
        extra={
            "event": "the_algorithm_of_an_exit_fails_it_goes_on_at_once",
            "request": parent.request_id,
        },
    )


def _patience(parent: ParentOrderRow, now: datetime) -> float:
    """The number of failures in a row that is too many. If nothing more is to be placed, the steps
    only send cancels, an exit's steps too."""
    if parent.stop_reason is not None or now >= parent.deadline_at:
        return ALERTED_AT
    return float("inf") if parent.reduce_only else SET_ASIDE_AT


def _pause(failures: int) -> timedelta:
    """The pause after a failure: 1, 2, 4 ... seconds."""
    return min(timedelta(seconds=2 ** min(failures - 1, 10)), LONGEST_PAUSE)
