"""Stepped parents whose steps fail: looked at ever less often, and alerted.

None is given up, for it may be an exit; a step that works again forgets the failures.
"""

import logging
from datetime import timedelta

from bot.clock import Clock
from bot.execution.parking import failure_text
from models.database import Database
from models.enums import ParentState
from models.locks import lock_parent
from models.tables import ParentOrderRow

log = logging.getLogger(__name__)

ALERTED_AT = 5
"""Failures in a row: so many are no accident."""
LONGEST_PAUSE = timedelta(seconds=30)


def failed(db: Database, clock: Clock, request_id: str, error: Exception) -> None:
    """Keeps why a step failed and puts off the next one."""
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
        uow.commit()


def worked(parent: ParentOrderRow) -> None:
    """Forgets the failures before a step that is about to be committed."""
    if parent.step_failures:
        parent.step_failures, parent.failure = 0, None


def _pause(failures: int) -> timedelta:
    """1, 2, 4 ... seconds."""
    return min(timedelta(seconds=2 ** min(failures - 1, 10)), LONGEST_PAUSE)
