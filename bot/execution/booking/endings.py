"""The end of a child by the exchange's word, and its consequences for the rest and the parent."""

import logging

from bot.execution.booking import venue_acts
from bot.execution.orders import lifecycle, reasons
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.reasons import Reason
from bot.execution.policy.failures import classify_end
from bot.execution.ports import OrderWork
from bot.state import external_halt
from models.backup import FailureClass
from models.enums import ChildState, OrderStatus, VenueReason
from models.tables import ChildOrderRow, ParentOrderRow

log = logging.getLogger(__name__)

_FINAL_STATES = {
    OrderStatus.FILLED: ChildState.FILLED,
    OrderStatus.CANCELLED: ChildState.CANCELLED,
    OrderStatus.REJECTED: ChildState.REJECTED,
}


def end_as_told(
    uow: OrderWork, parent: ParentOrderRow, child: ChildOrderRow, status: OrderStatus
) -> None:
    """Ends a child by the exchange's word, which its row holds; its unfilled rest may be tried
    again."""
    reason = child.venue_reason or VenueReason.UNSTATED
    words = child.note or reason.value
    ends_parent = None
    if reason is VenueReason.NOTHING_TO_REDUCE:
        ends_parent = reasons.NOTHING_LEFT
    elif _was_cancelled_by_others(child, reason):
        # A person took the order out of the book. Another order would work against that person.
        ends_parent = reasons.CANCELLED_AT_EXCHANGE
        _report_cancelled(uow, parent, child)
    lifecycle.end_child(
        uow,
        parent,
        child,
        Ending(
            _FINAL_STATES[status],
            Reason(child.note or status.value),
            failure=_failure(child, reason),
            ends_parent=ends_parent,
        ),
    )
    venue_acts.note_cancel(uow, child.account, child.symbol, reason, words, uow.now)
    if ends_parent is reasons.CANCELLED_AT_EXCHANGE:
        external_halt.by_cancel(
            uow,
            child.account,
            order_link_id=child.order_link_id,
            symbol=child.symbol,
            now=uow.now,
        )


def _report_cancelled(uow: OrderWork, parent: ParentOrderRow, child: ChildOrderRow) -> None:
    details = {"child": child.order_link_id, "request_id": parent.request_id}
    words = reasons.CANCELLED_AT_EXCHANGE.words
    uow.add_entry(parent.account, words, parent.request_id, "exchange", details)
    log.critical(
        "an order was cancelled at the exchange and not by mlrisk; its parent ends",
        extra={"event": "an_order_was_cancelled_at_the_exchange_its_parent_ends", **details},
    )


def _failure(child: ChildOrderRow, reason: VenueReason) -> FailureClass | None:
    """Why the rest is worth another attempt; None when we asked for the end ourselves."""
    if child.cancel_requested_at is not None:
        return None
    return classify_end(reason, qty=child.qty, filled=child.filled_qty, style=child.style)


def _was_cancelled_by_others(child: ChildOrderRow, reason: VenueReason) -> bool:
    """Whether a cancel that we did not ask for ended a resting order."""
    if not child.rests or child.cancel_requested_at is not None or child.filled_qty >= child.qty:
        return False
    return reason is VenueReason.REQUESTED
