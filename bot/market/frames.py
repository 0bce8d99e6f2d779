"""Market data of any venue in mlrisk's own words, for books, tapes and tickers.

Prices and quantities are Decimal, times are the exchange's own, UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from models.enums import TradeSide

Level = tuple[Decimal, Decimal]
"""(price, quantity)."""


@dataclass(frozen=True, slots=True)
class BookFrame:
    """A snapshot or a change of one order book. A quantity of 0 deletes its level.

    `update_id` rises by one per frame of a chain; a snapshot starts a new chain.
    """

    symbol: str
    at: datetime
    is_snapshot: bool
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    update_id: int


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One trade of the tape; `side` is the taker's."""

    at: datetime
    price: Decimal
    qty: Decimal
    side: TradeSide
    trade_id: str


@dataclass(frozen=True, slots=True)
class TradeFrame:
    """Trades of one symbol that arrived together, oldest first."""

    symbol: str
    trades: tuple[PublicTrade, ...]


@dataclass(frozen=True, slots=True)
class TickerFrame:
    """The changes of a ticker; None is unchanged or unknown. `turnover_24h` is in quote
    currency."""

    symbol: str
    at: datetime
    is_snapshot: bool
    last: Decimal | None = None
    mark: Decimal | None = None
    index: Decimal | None = None
    turnover_24h: Decimal | None = None
    funding_rate: Decimal | None = None
    next_funding_at: datetime | None = None


MarketFrame = BookFrame | TradeFrame | TickerFrame
