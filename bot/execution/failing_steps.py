"""Stepped parents whose steps fail: looked at ever less often, alerted, and set aside at last.

An exit is never set aside before its deadline: it is tried again and again, every half minute. A
step that works again forgets the failures.
"""

import logging
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.execution import setting_aside
from bot.execution.parking import failure_text
from models.database import Database
from models.enums import ParentState
from models.locks import lock_parent
from models.tables import ParentOrderRow

log = logging.getLogger(__name__)

ALERTED_AT = 5
"""Failures in a row: so many are no accident."""
SET_ASIDE_AT = 10
"""Failures in a row, over two and a half minutes: what adds risk is not tried for ever."""
LONGEST_PAUSE = timedelta(seconds=30)


def failed(db: Database, clock: Clock, request_id: str, error: Exception) -> None:
    """Keeps why a step failed and puts off the next one, or sets the parent aside."""
    now = clock.now()
    with db.unit_of_work() as uow:
        parent = lock_parent(uow.session, request_id)
        if parent is None or ParentState(parent.state).is_final:
            return
        parent.step_failures += 1
        parent.failure = failure_text(error)
        parent.step_at = now + _pause(parent.step_failures)
        parent.step_wake_at = None
        log.error("step failed: %s", parent.failure, extra={"request": request_id})
        if parent.step_failures == ALERTED_AT:
            facts = {"failures": ALERTED_AT, "failure": parent.failure, "symbol": parent.symbol}
            uow.audit(parent.account, "steps_failing", request_id, "worker", facts, now)
            log.critical(
                "a trade can't be worked: %s", parent.failure, extra={"request": request_id}
            )
        if parent.set_aside_at is None and parent.step_failures >= _patience(parent, now):
            setting_aside.set_aside(uow, parent, now)
            parent.step_at = now
        uow.commit()


def worked(parent: ParentOrderRow) -> None:
    """Forgets the failures before a step that is about to be committed."""
    if parent.step_failures:
        parent.step_failures, parent.failure = 0, None


def _patience(parent: ParentOrderRow, now: datetime) -> float:
    """How many failures in a row are too many. Where nothing more is to be placed, only the steps
    stand between its orders and their cancels, an exit's as well."""
    if parent.stop_reason is not None or now >= parent.deadline_at:
        return ALERTED_AT
    return float("inf") if parent.reduce_only else SET_ASIDE_AT


def _pause(failures: int) -> timedelta:
    """1, 2, 4 ... seconds."""
    return min(timedelta(seconds=2 ** min(failures - 1, 10)), LONGEST_PAUSE)
