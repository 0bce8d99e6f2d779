"""Raw frames of Bybit's streams turned into control frames and typed events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bot.exchange.bybit import parse, wallets
from bot.exchange.bybit.parse import Row, UnreadableRow
from bot.exchange.streams import StreamEvent
from bot.market.frames import (
    BookFrame,
    Level,
    PublicTrade,
    TickerFrame,
    TradeFrame,
)
from models.enums import TradeSide

PRIVATE_TOPICS = ("order", "execution", "position", "wallet")
BOOK_DEPTH = 50
"""Levels of each side. Bybit pushes this depth every 20 ms."""


def book_topic(symbol: str) -> str:
    """The order book of one symbol."""
    return f"orderbook.{BOOK_DEPTH}.{symbol}"


def public_topics(symbols: tuple[str, ...]) -> tuple[str, ...]:
    """Order book, trades and ticker of each symbol."""
    return tuple(
        topic
        for symbol in symbols
        for topic in (book_topic(symbol), f"publicTrade.{symbol}", f"tickers.{symbol}")
    )


class ControlKind(StrEnum):
    """The requests that a control frame answers."""

    AUTH = "auth"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Control:
    """The server's answer to a request of ours."""

    kind: ControlKind
    ok: bool
    req_id: str
    text: str


def control(frame: Row) -> Control | None:
    """The control frame that this is, or None for data."""
    if "topic" in frame:
        return None
    op = frame.get("op")
    kind = ControlKind(op) if op in list(ControlKind) else ControlKind.OTHER
    # Bybit's own sample of a refused trade-socket auth has retCode instead of success.
    ok = frame.get("success") is True or frame.get("retCode") == 0
    text = str(frame.get("ret_msg") or frame.get("retMsg") or "")[:200]
    return Control(kind=kind, ok=ok, req_id=str(frame.get("req_id") or ""), text=text)


def events(frame: Row, *, category: str, settle_coin: str) -> Iterator[StreamEvent]:
    """Typed events of a data frame. Unknown topics and other categories yield nothing.

    Raises UnreadableRow when a row of ours lacks a necessary field.
    """
    topic = str(frame.get("topic"))
    data = frame.get("data")
    match topic.partition(".")[0]:
        case "orderbook":
            yield _book(frame, _row(data))
        case "publicTrade":
            yield _trades(topic, _rows(data))
        case "tickers":
            yield _ticker(frame, _row(data))
        case "order":
            for row in _ours(data, category, settle_coin):
                yield parse.order(row)
        case "execution":
            for row in _ours(data, category, settle_coin):
                yield parse.execution(row, settle_coin=settle_coin)
        case "position":
            for row in _ours(data, category, settle_coin):
                if row.get("positionIdx") not in (0, None):
                    raise UnreadableRow("positionIdx", row.get("positionIdx"))
                yield parse.position(row)
        case "wallet":
            for row in _rows(data):
                yield wallets.wallet(row, settle_coin=settle_coin)
        case _:
            return


def _rows(data: object) -> list[Row]:
    if not isinstance(data, list) or not all(isinstance(row, Mapping) for row in data):
        raise UnreadableRow("data", type(data).__name__)
    return data


def _row(data: object) -> Row:
    if not isinstance(data, Mapping):
        raise UnreadableRow("data", type(data).__name__)
    return data


def _ours(data: object, category: str, settle_coin: str) -> list[Row]:
    """Whether a row is of our category and settle coin. An account's topics carry all of them, and
    other rows have other meanings."""
    return [
        row
        for row in _rows(data)
        if row.get("category", category) == category
        and parse.settles_in(row.get("symbol"), settle_coin)
    ]


def _book(frame: Row, data: Row) -> BookFrame:
    update_id = data.get("u")
    if not isinstance(update_id, int):
        raise UnreadableRow("u", update_id)
    return BookFrame(
        symbol=parse.text(data, "s"),
        at=_frame_time(frame, "cts", "ts"),
        is_snapshot=frame.get("type") == "snapshot" or update_id == 1,
        bids=_levels(data.get("b")),
        asks=_levels(data.get("a")),
        update_id=update_id,
    )


def _levels(levels: object) -> tuple[Level, ...]:
    if not isinstance(levels, list):
        raise UnreadableRow("levels", levels)
    return tuple((_number(level, 0), _number(level, 1)) for level in levels)


def _number(level: Any, place: int) -> Decimal:
    if not isinstance(level, list | tuple) or len(level) < 2:
        raise UnreadableRow("level", level)
    return parse.decimal({"level": level[place]}, "level")


def _trades(topic: str, rows: list[Row]) -> TradeFrame:
    trades = tuple(
        PublicTrade(
            at=parse.moment(row, "T"),
            price=parse.decimal(row, "p"),
            qty=parse.decimal(row, "v"),
            side=TradeSide.BUY if row.get("S") == "Buy" else TradeSide.SELL,
            trade_id=str(row.get("i") or ""),
        )
        for row in rows
    )
    return TradeFrame(symbol=topic.partition(".")[2], trades=trades)


def _ticker(frame: Row, data: Row) -> TickerFrame:
    funding_at = data.get("nextFundingTime")
    return TickerFrame(
        symbol=parse.text(data, "symbol"),
        at=_frame_time(frame, "ts"),
        is_snapshot=frame.get("type") == "snapshot",
        last=parse.positive_or_none(data, "lastPrice"),
        mark=parse.positive_or_none(data, "markPrice"),
        index=parse.positive_or_none(data, "indexPrice"),
        turnover_24h=parse.decimal_or_none(data, "turnover24h"),
        funding_rate=parse.decimal_or_none(data, "fundingRate"),
        next_funding_at=parse.moment(data, "nextFundingTime") if funding_at else None,
    )


def _frame_time(frame: Row, *fields: str) -> datetime:
    """The matching engine's time if there is one, else the time of sending."""
    for field in fields:
        if frame.get(field) is not None:
            return parse.moment(frame, field)
    raise UnreadableRow(fields[-1], None)
