"""The paper exchange's own record, read for comparison with our database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from bot.execution.orders.identity import PREFIX, is_direct_exit, is_protective_stop
from paper_exchange.journal import read_journal

# Executions of other types (funding) are cash only: they move no position.
_MOVING = frozenset({"Trade", "AdlTrade", "BustTrade", "Delivery", "Settle"})


@dataclass(frozen=True, slots=True)
class AcceptedOrder:
    """An order that the exchange took; `side` is in our words (buy, sell)."""

    order_id: str
    order_link_id: str
    symbol: str
    side: str
    qty: Decimal
    reduce_only: bool
    received_at: datetime
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedFill:
    """An execution in the exchange's record."""

    exec_id: str
    order_id: str
    order_link_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    executed_at: datetime


@dataclass(frozen=True)
class ExchangeRecord:
    """Everything that the exchange accepted from us: the orders with a prefix of ours in their
    ids."""

    orders: tuple[AcceptedOrder, ...]
    fills: tuple[RecordedFill, ...]
    stops: tuple[AcceptedOrder, ...] = ()
    """Our protective stops, which are no child orders."""
    direct_exits: tuple[AcceptedOrder, ...] = ()
    """Orders of a halt without Postgres, which are no child orders either."""

    @cached_property
    def fills_by_link_id(self) -> dict[str, list[RecordedFill]]:
        """The fills of each order, by its `order_link_id`."""
        found: dict[str, list[RecordedFill]] = {}
        for fill in self.fills:
            found.setdefault(fill.order_link_id, []).append(fill)
        return found

    @cached_property
    def orders_by_link_id(self) -> dict[str, list[AcceptedOrder]]:
        """The accepted orders of each `order_link_id`; more than one would be a double."""
        found: dict[str, list[AcceptedOrder]] = {}
        for order in self.orders:
            found.setdefault(order.order_link_id, []).append(order)
        return found


def read_exchange_record(path: Path) -> ExchangeRecord:
    """Our part of the journal; empty before the journal exists."""
    return parse_exchange_record(read_journal(path) if path.exists() else ())


def parse_exchange_record(records: Iterable[Mapping[str, Any]]) -> ExchangeRecord:
    """Reads the journal's records; orders and fills that are not ours are left out."""
    orders: list[AcceptedOrder] = []
    fills: list[RecordedFill] = []
    stops: list[AcceptedOrder] = []
    direct: list[AcceptedOrder] = []
    for record in records:
        link = str(record.get("orderLinkId") or "") if record["kind"] == "create" else ""
        if is_protective_stop(link):
            stops.append(_order(record))
        if is_direct_exit(link):
            direct.append(_order(record))
        if record["kind"] == "create" and _is_ours(record):
            orders.append(_order(record))
        elif record["kind"] == "fill" and _is_ours(record["row"]):
            row = record["row"]
            if row.get("execType", "Trade") in _MOVING:
                fills.append(_fill(row))
    return ExchangeRecord(tuple(orders), tuple(fills), tuple(stops), tuple(direct))


def _is_ours(record: Mapping[str, Any]) -> bool:
    return str(record.get("orderLinkId") or "").startswith(PREFIX)


def _order(record: Mapping[str, Any]) -> AcceptedOrder:
    return AcceptedOrder(
        order_id=str(record["orderId"]),
        order_link_id=str(record["orderLinkId"]),
        symbol=str(record["symbol"]),
        side=str(record["side"]).lower(),
        qty=_quantity(record),
        reduce_only=bool(record.get("reduceOnly", False)),
        received_at=_moment(record["t"]),
        raw=record,
    )


def _quantity(record: Mapping[str, Any]) -> Decimal:
    """The quantity that the order asks for. An order over 0 closes the position of that moment."""
    asked = Decimal(str(record["qty"]))
    return asked or abs(Decimal(str(record.get("positionBefore") or 0)))


def _fill(row: Mapping[str, Any]) -> RecordedFill:
    return RecordedFill(
        exec_id=str(row["execId"]),
        order_id=str(row["orderId"]),
        order_link_id=str(row["orderLinkId"]),
        symbol=str(row["symbol"]),
        side=str(row["side"]).lower(),
        qty=Decimal(str(row["execQty"])),
        price=Decimal(str(row["execPrice"])),
        executed_at=_moment(row["execTime"]),
    )


def _moment(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(str(milliseconds)))
