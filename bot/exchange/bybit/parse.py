"""Bybit's rows turned into mlrisk's dataclasses; REST and streams share the row formats.

Unknown fields are ignored. A field that decides and is missing, not finite or not a number makes
the row unreadable (`UnreadableRow`); nothing is guessed.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.errors import UnreadableReply
from bot.exchange.bybit import reasons
from bot.exchange.protocol import (
    CashFlow,
    ExchangeOrder,
    ExchangePosition,
    Execution,
    Instrument,
)
from bot.market.bars import Bar
from models.enums import OrderStatus, TradeSide

Row = Mapping[str, Any]

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,2})?\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS = {
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELLED,
    "PartiallyFilledCanceled": OrderStatus.CANCELLED,
    "Deactivated": OrderStatus.CANCELLED,
    "Rejected": OrderStatus.REJECTED,
}
# Executions that are cash only. Any other type, known or not, is taken to move the position: the
# comparison with the exchange's position shows it if that is ever wrong.
_CASH_ONLY = frozenset({"Funding", "SessionSettlePnL"})


class UnreadableRow(UnreadableReply):
    """The exchange's reply lacks a field that decides, or holds nonsense there."""

    def __init__(self, field: str, value: object) -> None:
        super().__init__(f"unreadable field {field}: {str(value)[:40]!r}", code="unreadable_row")


def decimal(row: Row, field: str) -> Decimal:
    """The finite number in a field. Raises UnreadableRow when it is missing or none."""
    value = decimal_or_none(row, field)
    if value is None:
        raise UnreadableRow(field, row.get(field))
    return value


def decimal_or_none(row: Row, field: str) -> Decimal | None:
    """The finite number in a field; None when it is missing or empty, Bybit's sign for no value."""
    value = row.get(field)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _NUMBER.match(value):
        raise UnreadableRow(field, value)
    return Decimal(value)


def positive_or_none(row: Row, field: str) -> Decimal | None:
    """The price in a field; None also for "0", Bybit's other sign for no price."""
    value = decimal_or_none(row, field)
    return value if value else None


def text(row: Row, field: str) -> str:
    """The text in a field. Raises UnreadableRow when it is missing or empty."""
    value = row.get(field)
    if not isinstance(value, str) or not value:
        raise UnreadableRow(field, value)
    return value


def moment(row: Row, field: str) -> datetime:
    """The time in a field, from milliseconds since 1970. Raises UnreadableRow when it is none."""
    return from_milliseconds(row.get(field), field)


def from_milliseconds(value: object, field: str = "time") -> datetime:
    """The UTC time of milliseconds since 1970, as a number or its digits.

    Raises UnreadableRow, naming `field`, for anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | str) or not is_digits(str(value)):
        raise UnreadableRow(field, value)
    try:
        return _EPOCH + timedelta(milliseconds=int(value))
    except OverflowError:
        raise UnreadableRow(field, value) from None


def is_digits(value: str) -> bool:
    """ASCII digits only; `str.isdigit` takes those of every script."""
    return value.isascii() and value.isdigit()


def to_milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970 of an aware time; fractions are cut off."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def side(row: Row) -> TradeSide:
    """Bybit's Buy or Sell. Raises UnreadableRow for anything else."""
    match row.get("side"):
        case "Buy":
            return TradeSide.BUY
        case "Sell":
            return TradeSide.SELL
        case other:
            raise UnreadableRow("side", other)


def order(row: Row) -> ExchangeOrder:
    """An order of realtime, history or the `order` topic. An unknown status counts as open."""
    raw_status = text(row, "orderStatus")
    said = {
        "reject_reason": str(row.get("rejectReason") or ""),
        "cancel_type": str(row.get("cancelType") or ""),
    }
    return ExchangeOrder(
        order_id=text(row, "orderId"),
        order_link_id=str(row.get("orderLinkId") or ""),
        symbol=text(row, "symbol"),
        side=side(row),
        qty=decimal(row, "qty"),
        price=positive_or_none(row, "price"),
        status=_STATUS.get(raw_status, OrderStatus.OPEN),
        raw_status=raw_status,
        filled_qty=decimal_or_none(row, "cumExecQty") or Decimal(0),
        average_price=positive_or_none(row, "avgPrice"),
        reduce_only=row.get("reduceOnly") is True,
        updated_at=moment(row, "updatedTime"),
        created_at=moment(row, "createdTime") if row.get("createdTime") else None,
        reason=reasons.of_end(**said),
        words=reasons.words_of_end(**said),
        trigger_price=positive_or_none(row, "triggerPrice"),
    )


def settles_in(symbol: object, coin: str) -> bool:
    """Whether a linear contract settles in this coin, by Bybit's names: BTCUSDT and
    BTCUSDT-26DEC25 in USDT, BTCPERP and BTC-26DEC25 in USDC.

    True for a name that is no text: its row is read as ours, and fails.
    """
    if not isinstance(symbol, str) or not symbol:
        return True
    base = symbol.partition("-")[0]
    return base.endswith(coin) if coin != "USDC" else not base.endswith("USDT")


def execution(row: Row, *, settle_coin: str) -> Execution:
    """An execution of the list or the `execution` topic. A positive fee is one that we pay."""
    exec_type = str(row.get("execType") or "Trade")
    currency = str(row.get("feeCurrency") or settle_coin)
    created_by = str(row.get("createType") or "")
    paid = {currency: decimal_or_none(row, "execFee") or Decimal(0)}
    for coin, extra in _extra_fees(row.get("extraFees"), currency):
        paid[coin] = paid.get(coin, Decimal(0)) + extra
    return Execution(
        exec_id=text(row, "execId"),
        order_id=str(row.get("orderId") or ""),
        order_link_id=str(row.get("orderLinkId") or ""),
        symbol=text(row, "symbol"),
        side=side(row),
        qty=decimal(row, "execQty"),
        price=decimal(row, "execPrice"),
        fee=paid.pop(currency),
        fee_currency=currency,
        is_maker=row.get("isMaker") is True,
        exec_type=exec_type,
        executed_at=moment(row, "execTime"),
        moves_position=exec_type not in _CASH_ONLY,
        venue_act=reasons.of_execution(exec_type=exec_type, create_type=created_by),
        created_by=created_by,
        other_fees=tuple(sorted(paid.items())),
    )


def _extra_fees(extra: object, currency: str) -> list[tuple[str, Decimal]]:
    """Taxes and the like, by coin; Bybit sends a list, or "" for none."""
    if not isinstance(extra, Sequence) or isinstance(extra, str):
        return []
    return [
        (str(fee.get("feeCoin") or currency), decimal(fee, "fee"))
        for fee in extra
        if isinstance(fee, Mapping)
    ]


def position(row: Row) -> ExchangePosition:
    """A one-way position of the list or the `position` topic (which says entryPrice)."""
    size = decimal(row, "size")
    sign = side(row).sign if size else 0
    entry = "entryPrice" if "entryPrice" in row else "avgPrice"
    return ExchangePosition(
        symbol=text(row, "symbol"),
        qty=size * sign,
        entry_price=positive_or_none(row, entry) if size else None,
        mark_price=positive_or_none(row, "markPrice"),
        unrealised_pnl=decimal_or_none(row, "unrealisedPnl") or Decimal(0),
        liquidation_price=positive_or_none(row, "liqPrice"),
        leverage=positive_or_none(row, "leverage"),
    )


def cash_flow(row: Row) -> CashFlow:
    """A row of the transaction log whose type comes from no trade."""
    return CashFlow(
        flow_id=text(row, "id"),
        kind=text(row, "type"),
        currency=text(row, "currency"),
        amount=decimal(row, "change"),
        at=moment(row, "transactionTime"),
    )


def instrument(row: Row, *, category: str) -> Instrument:
    """A linear instrument of instruments-info."""
    price = _mapping(row, "priceFilter")
    lot = _mapping(row, "lotSizeFilter")
    risk = row.get("riskParameters") or {}
    interval = row.get("fundingInterval")
    return Instrument(
        symbol=text(row, "symbol"),
        category=category,
        tick_size=_above_zero(price, "tickSize"),
        qty_step=_above_zero(lot, "qtyStep"),
        min_qty=_above_zero(lot, "minOrderQty"),
        max_qty=_above_zero(lot, "maxOrderQty"),
        max_market_qty=_above_zero(lot, "maxMktOrderQty"),
        min_notional=decimal_or_none(lot, "minNotionalValue") or Decimal(0),
        max_leverage=_above_zero(_mapping(row, "leverageFilter"), "maxLeverage"),
        status=text(row, "status"),
        price_limit_x=positive_or_none(risk, "priceLimitRatioX"),
        price_limit_y=positive_or_none(risk, "priceLimitRatioY"),
        funding_interval_minutes=interval if isinstance(interval, int) and interval > 0 else 480,
    )


def close(row: object) -> tuple[datetime, Decimal]:
    """Start and closing price of a kline: [start, open, high, low, close, ...]."""
    if not isinstance(row, list) or len(row) < 5:
        raise UnreadableRow("kline", row)
    return from_milliseconds(row[0], "start"), decimal({"close": row[4]}, "close")


def bar(row: object) -> Bar:
    """A kline of one minute: [start, open, high, low, close, volume, turnover]."""
    if not isinstance(row, list) or len(row) < 7:
        raise UnreadableRow("kline", row)
    names = ("open", "high", "low", "close", "volume", "turnover")
    numbers = {name: decimal({name: row[i]}, name) for i, name in enumerate(names, start=1)}
    return Bar(start=from_milliseconds(row[0], "start"), **numbers)


def _mapping(row: Row, field: str) -> Row:
    value = row.get(field)
    if not isinstance(value, Mapping):
        raise UnreadableRow(field, value)
    return value


def _above_zero(row: Row, field: str) -> Decimal:
    value = decimal(row, field)
    if value <= 0:
        raise UnreadableRow(field, value)
    return value
