"""A market of one instrument that tests write by hand, and a venue on it without a wall clock."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.settings import AccountConfig, EngineSettings
from paper_exchange.journal import JournalWriter
from paper_exchange.server.venue.venue import Venue
from paper_exchange.types import (
    BookUpdate,
    Category,
    InstrumentSpec,
    MarketEvent,
    MarketTrade,
    MarkUpdate,
    Past,
)

SPEC = InstrumentSpec(
    category="linear",
    symbol="XUSDT",
    base_coin="X",
    quote_coin="USDT",
    tick_size=Decimal("0.1"),
    qty_step=Decimal("0.01"),
    min_qty=Decimal("0.01"),
    max_limit_qty=Decimal(1000),
    max_market_qty=Decimal(1000),
    min_notional=Decimal(5),
)
KEY = SPEC.key
UID = "u"


class HandClock:
    """Exchange time that only the test moves."""

    def __init__(self, now: int = 1_700_000_000_000) -> None:
        self.now = now

    def now_ms(self) -> int:
        return self.now

    def wall_seconds(self, exchange_ms: int) -> float:
        return exchange_ms / 1000


class Script:
    """A finite market source."""

    def __init__(self, *events: MarketEvent) -> None:
        self._events = events

    def instruments(self) -> Sequence[InstrumentSpec]:
        return [SPEC]

    def events(self) -> Iterator[MarketEvent]:
        return iter(self._events)

    def history(self) -> Mapping[tuple[Category, str], Past]:
        return {}


def book(ts: int, bid: int = 999, ask: int = 1001, size: int = 500) -> BookUpdate:
    """Ten levels on each side."""
    bids = [(bid - i, size) for i in range(10)]
    asks = [(ask + i, size) for i in range(10)]
    return BookUpdate(*KEY, ts, bids, asks, snapshot=True)


def trade(ts: int, price: int, qty: int = 10, side: str = "Buy") -> MarketTrade:
    return MarketTrade(*KEY, ts, price, qty, "Buy" if side == "Buy" else "Sell")


def mark(ts: int, price: str) -> MarkUpdate:
    return MarkUpdate(*KEY, ts, Decimal(price), Decimal(price), Decimal("0.0001"))


def make_venue(
    *events: MarketEvent,
    journal: JournalWriter | None = None,
    settings: EngineSettings | None = None,
) -> tuple[Venue, PaperEngine, HandClock]:
    """A venue that has been opened on a book and a mark at time 0."""
    source = Script(book(0), mark(0, "100"), *events)
    engine = PaperEngine([SPEC], {UID: AccountConfig(UID)}, settings)
    clock = HandClock()
    venue = Venue(source, engine, clock, journal)
    venue.open()
    clock.now += 1
    venue.catch_up()
    return venue, engine, clock
