"""Faults of order records: hidden for a while, forgotten for ever, or replaced.

A replaced record shows an order of another client with the same id.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from paper_exchange.server.faults.catalogue import FaultBoard

FORGOTTEN = "forgotten_orders"
HIDDEN = "hidden_orders"
OF_OTHERS = "ids_of_others"

_QUANTITIES = ("qty", "cumExecQty", "leavesQty", "execQty", "orderQty")
_TIMES = ("createdTime", "updatedTime", "execTime")


def shown_orders(
    faults: FaultBoard, rows: Sequence[dict[str, Any]], now: int
) -> Sequence[dict[str, Any]]:
    """The order records that a query may show at `now` (exchange time in milliseconds)."""
    if not faults.active and not faults.hidden:
        return rows
    shown = [row for row in rows if not _is_hidden(faults, row, now)]
    return [dict(_as_of_others(faults, row)) for row in shown]


def remembered(
    faults: FaultBoard, rows: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """The rows of orders and executions that the exchange still knows."""
    if not faults.active:
        return rows
    known = [row for row in rows if not faults.lasting(FORGOTTEN, row["orderLinkId"])]
    return [_as_of_others(faults, row) for row in known]


def is_hidden(faults: FaultBoard, order_id: str, now: int) -> bool:
    """Whether a test hides this order from the lists at `now`."""
    until = faults.hidden.get(order_id, 0)
    return until is None or until > now


def _is_hidden(faults: FaultBoard, row: Mapping[str, Any], now: int) -> bool:
    if is_hidden(faults, row["orderId"], now):
        return True
    link_id = row["orderLinkId"]
    if faults.lasting(FORGOTTEN, link_id):
        return True
    milliseconds = faults.option(HIDDEN, "ms", link_id)
    return milliseconds is not None and now - int(row["createdTime"]) < milliseconds


def _as_of_others(faults: FaultBoard, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row, or in its place a larger and older order of another client on the other side."""
    factor = faults.option(OF_OTHERS, "factor", row["orderLinkId"])
    if factor is None:
        return row
    age_ms = int((faults.option(OF_OTHERS, "age_s", row["orderLinkId"]) or 0) * 1000)
    larger = {name: _times(row[name], factor) for name in _QUANTITIES if row.get(name)}
    older = {name: str(int(row[name]) - age_ms) for name in _TIMES if row.get(name)}
    others = {"orderId": f"of-others-{row['orderId']}", "side": _other_side(row["side"])}
    return {**row, **larger, **older, **others}


def _times(quantity: str, factor: float) -> str:
    return format(Decimal(quantity) * Decimal(str(factor)), "f")


def _other_side(side: str) -> str:
    return {"Buy": "Sell", "Sell": "Buy"}.get(side, side)
