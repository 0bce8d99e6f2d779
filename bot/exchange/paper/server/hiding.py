"""Orders that the records do not show: hidden for a while, or forgotten for ever."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.exchange.paper.server.faults import FaultBoard

FORGOTTEN = "forgotten_orders"
HIDDEN = "hidden_orders"


def shown_orders(
    faults: FaultBoard, rows: Sequence[dict[str, Any]], now: int
) -> Sequence[dict[str, Any]]:
    """The order records that a query may show at `now` (exchange time in milliseconds)."""
    if not faults.active:
        return rows
    return [row for row in rows if not _is_hidden(faults, row, now)]


def remembered(
    faults: FaultBoard, rows: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """The rows of orders and executions that the exchange still knows."""
    if not faults.active:
        return rows
    return [row for row in rows if not faults.lasting(FORGOTTEN, row["orderLinkId"])]


def _is_hidden(faults: FaultBoard, row: Mapping[str, Any], now: int) -> bool:
    link_id = row["orderLinkId"]
    if faults.lasting(FORGOTTEN, link_id):
        return True
    milliseconds = faults.option(HIDDEN, "ms", link_id)
    return milliseconds is not None and now - int(row["createdTime"]) < milliseconds
