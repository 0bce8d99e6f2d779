"""Checks whether a report of the exchange under a child's id belongs to that child.

An id alone proves nothing: an older database, another account or a person may have used it. The
exchange's order number proves it once it was acknowledged to us; until then every other field has
to agree. A foreign report is never credited to the child.
"""

import logging
from datetime import datetime, timedelta
from decimal import Decimal

from bot.exchange.protocol import ExchangeOrder, Execution
from models.database import Database
from models.tables import ChildOrderRow, ParentOrderRow

log = logging.getLogger(__name__)

CLOCK_MARGIN = timedelta(seconds=10)
"""The most that the exchange's clock may be behind ours. An order older than its trade is
foreign."""


def is_own(db: Database, account: str, child: ChildOrderRow, order: ExchangeOrder) -> bool:
    """Whether the order is the child's; reads the child's parent."""
    with db.reading() as session:
        parent = session.get_one(ParentOrderRow, child.request_id)
    return agrees(account, parent, child, order)


def agrees(
    account: str, parent: ParentOrderRow, child: ChildOrderRow, order: ExchangeOrder
) -> bool:
    """Whether the order is the child's; an order that shares its id alone is alerted."""
    why = order_mismatch(account, parent, child, order)
    if why is not None:
        log_foreign(child, order, why, logging.ERROR)
    return why is None


def log_foreign(child: ChildOrderRow, order: ExchangeOrder, why: str, level: int) -> None:
    """Logs at this level that an order has the child's id and is not the child's."""
    log.log(
        level,
        "an order has the id of one of our children and is not ours: %s",
        why,
        extra={
            "event": "an_order_is_not_ours_although_it_has_our_id",
            "order_id": order.order_id,
            "child": child.order_link_id,
        },
    )


def order_mismatch(
    account: str, parent: ParentOrderRow, child: ChildOrderRow, order: ExchangeOrder
) -> str | None:
    """Why this order is not the child's; None when it is."""
    wrong = _wrong_trade(account, child, order)
    if wrong is not None or _both_numbered(child, order):
        return wrong or _wrong_number(child, order.order_id)
    if order.reduce_only != child.reduce_only:
        return f"reduce-only is {order.reduce_only}, ours {child.reduce_only}"
    if child.posts > 1:
        # Each attempt had its own size and price, and any of them may have been taken.
        if order.qty > parent.approved_qty:
            return f"it is for {order.qty:f}, the whole trade {parent.approved_qty.normalize():f}"
    elif order.qty not in (child.qty, _quantity_sent(child)):
        return f"it is for {order.qty:f}, ours {child.qty.normalize():f}"
    elif child.price is not None and _is_worse(order, child.price):
        return f"its price is {order.price}, ours {child.price.normalize():f}"
    return _too_old(parent, order.created_at)


def _quantity_sent(child: ChildOrderRow) -> Decimal:
    """The quantity in the body: 0 where it closes a whole position."""
    return child.qty if child.body is None else Decimal(str(child.body["qty"]))


def _is_worse(order: ExchangeOrder, price: Decimal) -> bool:
    """Whether the order's price is worse than ours. The venue moves a price only to its band."""
    return order.price is not None and (order.price - price) * order.side.sign > 0


def execution_mismatch(
    account: str, parent: ParentOrderRow, child: ChildOrderRow, execution: Execution
) -> str | None:
    """Why this execution is not the child's; None when it is."""
    wrong = _wrong_trade(account, child, execution)
    if wrong is not None or _both_numbered(child, execution):
        return wrong or _wrong_number(child, execution.order_id)
    if child.posts > 1:
        if execution.qty > parent.approved_qty:
            return f"it is {execution.qty:f}, the whole trade {parent.approved_qty.normalize():f}"
    elif execution.qty > child.qty - child.filled_qty:
        return f"it is {execution.qty:f} of ours {child.qty.normalize():f}"
    elif child.price is not None and (execution.price - child.price) * execution.side.sign > 0:
        return f"its price is {execution.price:f}, beyond our bound {child.price.normalize():f}"
    return _too_old(parent, execution.executed_at)


def _wrong_trade(account: str, child: ChildOrderRow, fact: ExchangeOrder | Execution) -> str | None:
    if child.account != account:
        return f"its id is one of account {child.account}"
    if fact.symbol != child.symbol:
        return f"it is of {fact.symbol}, ours of {child.symbol}"
    if fact.side is not child.side:
        return f"it is a {fact.side.value}, ours a {child.side}"
    return None


def _both_numbered(child: ChildOrderRow, fact: ExchangeOrder | Execution) -> bool:
    return bool(child.exchange_order_id and fact.order_id)


def _wrong_number(child: ChildOrderRow, order_id: str) -> str | None:
    if order_id == child.exchange_order_id:
        return None
    return f"its number is {order_id}, ours {child.exchange_order_id}"


def _too_old(parent: ParentOrderRow, at: datetime | None) -> str | None:
    if at is None or at >= parent.start_at - CLOCK_MARGIN:
        return None
    return f"it is of {at.isoformat()}, before our trade began"
