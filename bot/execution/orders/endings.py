"""The end of a child by the exchange's word, and its consequences for the rest and the parent."""

import logging
from datetime import datetime

from bot.exchange.protocol import ExchangeOrder
from bot.execution.orders import lifecycle, venue_acts
from bot.execution.policy.failures import (
    CANCELLED_AT_EXCHANGE,
    cancelled_by_request,
    classify_end,
    nothing_left_to_reduce,
)
from bot.execution.ports import TaskQueue
from models.backup import FailureClass
from models.database import UnitOfWork
from models.enums import NOTHING_TO_REDUCE, ChildState, OrderStatus
from models.tables import ChildOrderRow, ParentOrderRow

log = logging.getLogger(__name__)

_FINAL_STATES = {
    OrderStatus.FILLED: ChildState.FILLED,
    OrderStatus.CANCELLED: ChildState.CANCELLED,
    OrderStatus.REJECTED: ChildState.REJECTED,
}


def end_as_told(
    uow: UnitOfWork,
    parent: ParentOrderRow,
    child: ChildOrderRow,
    status: OrderStatus,
    reason: str | None,
    now: datetime,
    task_queue: TaskQueue,
) -> None:
    """Ends a child by the exchange's word; its unfilled rest may be tried again."""
    ends_parent = None
    if nothing_left_to_reduce(cancel_type=_cancel_type(reason)):
        ends_parent = NOTHING_TO_REDUCE
    elif _was_cancelled_by_others(child, reason):
        # A person took it out of the book: to place the next one would fight them.
        ends_parent = CANCELLED_AT_EXCHANGE
        _report_cancelled(uow, parent, child, now)
    lifecycle.end_child(
        uow,
        parent,
        child,
        _FINAL_STATES[status],
        now,
        note=reason or status.value,
        task_queue=task_queue,
        failure=_failure(child, reason),
        ends_parent=ends_parent,
    )
    venue_acts.note_cancel(uow, child.account, child.symbol, _cancel_type(reason), now)


def _report_cancelled(
    uow: UnitOfWork, parent: ParentOrderRow, child: ChildOrderRow, now: datetime
) -> None:
    details = {"child": child.order_link_id, "request_id": parent.request_id}
    uow.audit(parent.account, CANCELLED_AT_EXCHANGE, parent.request_id, "exchange", details, now)
    log.critical("an order was cancelled at the exchange, its parent ends", extra=details)


def reason_of(order: ExchangeOrder) -> str | None:
    """The venue's words on an order's end, as a child's note keeps them."""
    parts = [p for p in (order.reject_reason, order.cancel_type) if p and p != "UNKNOWN"]
    return ", ".join(p for p in parts if p != "EC_NoError") or None


def _failure(child: ChildOrderRow, reason: str | None) -> FailureClass | None:
    """Why the rest is worth another attempt; None when we asked for the end ourselves."""
    if child.cancel_requested_at is not None:
        return None
    return classify_end(
        reject_reason=_rejection(reason),
        cancel_type=_cancel_type(reason),
        qty=child.qty,
        filled=child.filled_qty,
        style=child.style,
    )


def _was_cancelled_by_others(child: ChildOrderRow, reason: str | None) -> bool:
    """Whether a cancel that we did not ask for ended a resting order."""
    if not child.rests or child.cancel_requested_at is not None or child.filled_qty >= child.qty:
        return False
    return cancelled_by_request(cancel_type=_cancel_type(reason), reject_reason=_rejection(reason))


def _rejection(reason: str | None) -> str:
    return next((word for word in _words(reason) if word.startswith("EC_")), "")


def _cancel_type(reason: str | None) -> str:
    return next((word for word in _words(reason) if not word.startswith("EC_")), "")


def _words(reason: str | None) -> list[str]:
    """The venue's words as `reason_of` joined them."""
    return (reason or "").split(", ")
