"""Setting aside of event-driven parents after repeated failures: paused, called back, shown to
people.

Winding a parent down reads its rows alone, neither market nor algorithm, so that the cause of the
failures can't keep its orders at the exchange. It waits for an operator for a while. Then, or at
its deadline, it ends as soon as nothing of it is open, and its remainder is released.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.execution.algorithms.stepping import POLL
from bot.execution.orders import lifecycle, transitions
from bot.execution.orders.reasons import Reason, reason_to_stop
from bot.execution.ports import OrderWork
from models.open_rows import PARENT_IS_OPEN
from models.repositories.trading import orders
from models.tables import ParentOrderRow

log = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=10)
"""The time for an operator to let it go on. It keeps its part of the limits no longer."""
SET_ASIDE = "its steps fail"
"""The beginning of the stop reason of a parent that was not let go on."""


def set_aside(uow: OrderWork, parent: ParentOrderRow) -> None:
    """Sets a parent aside: nothing more is placed; its next steps only wind it down."""
    facts = {
        "failures": parent.step_failures,
        "failure": parent.failure,
        "symbol": parent.symbol,
        "ends_at": _ends_at(parent, uow.now).isoformat(),
    }
    transitions.set_aside(uow, parent, facts)
    log.critical(
        "a trade is set aside because its steps fail: %s",
        parent.failure,
        extra={"event": "a_trade_is_set_aside_its_steps_fail", "request": parent.request_id},
    )


def wind_down(uow: OrderWork, parent: ParentOrderRow) -> None:
    """Cancels open orders, and ends the parent when it has waited long enough; plans the next
    step."""
    now = uow.now
    reason = reason_to_stop(parent) or Reason(f"{SET_ASIDE}: {parent.failure}")
    if parent.stop_reason is not None or now >= _ends_at(parent, now):
        lifecycle.stop(uow, parent, reason)
    else:
        lifecycle.call_back(uow, parent, reason)
    if parent.state.is_final:
        return
    is_open = bool(orders.open_children(uow.session, parent.request_id))
    parent.step_at = now + POLL if is_open else max(now + POLL, _ends_at(parent, now))
    parent.step_wake_at = None


def _ends_at(parent: ParentOrderRow, now: datetime) -> datetime:
    return min(parent.deadline_at, (parent.set_aside_at or now) + PATIENCE)


def all_set_aside(session: Session) -> list[ParentOrderRow]:
    """Every open trade that is set aside, the oldest first."""
    return list(
        session.scalars(
            select(ParentOrderRow)
            .where(PARENT_IS_OPEN, ParentOrderRow.set_aside_at.is_not(None))
            .order_by(ParentOrderRow.set_aside_at, ParentOrderRow.request_id)
        )
    )
