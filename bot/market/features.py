"""MarketTracker: turns the frames of one symbol into the MarketView that the gate decides on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.market.book import OrderBook
from bot.market.frames import BookFrame, MarketFrame, TickerFrame, TradeFrame
from bot.market.volatility import EwmaVolatility, VolatilitySettings
from bot.risk.snapshot import MarketView
from models.enums import TradeSide

SHORT = VolatilitySettings(half_life_seconds=120.0)
# The baseline of the regime check: hours, so that a spike stands out for long.
BASELINE = VolatilitySettings(half_life_seconds=4 * 3600.0)


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """Levels to show, and how volatility is measured."""

    levels: int = 50
    depth_bps: float = 10.0
    short: VolatilitySettings = SHORT
    baseline: VolatilitySettings = BASELINE
    # `as_of` is the newest frame's time. A book that is this much older must not borrow it.
    book_lag_seconds: float = 10.0


class MarketTracker:
    """Fed in order of arrival; holds the newest of everything. No clock of its own."""

    def __init__(self, symbol: str, settings: TrackerSettings | None = None) -> None:
        self.symbol = symbol
        self.book = OrderBook(symbol)
        self._settings = settings or TrackerSettings()
        self._short = EwmaVolatility(self._settings.short)
        self._baseline = EwmaVolatility(self._settings.baseline)
        self._as_of: datetime | None = None
        self._last: Decimal | None = None
        self._last_at: datetime | None = None
        self._mark: Decimal | None = None
        self._index: Decimal | None = None
        self._turnover: Decimal | None = None
        self._funding: Decimal | None = None
        self._traded = Decimal(0)
        self._traded_since: datetime | None = None

    def seed_volatility(self, daily_volatility: float) -> None:
        """Starts the baseline (and, faintly, the short estimate) from older data such as bars."""
        self._baseline.seed(daily_volatility, weight=0.9)
        self._short.seed(daily_volatility, weight=0.1)

    def feed(self, frame: MarketFrame) -> bool:
        """Takes a frame; False when the book needs a fresh snapshot (resubscribe its topic)."""
        if frame.symbol != self.symbol:
            raise ValueError(f"a frame of {frame.symbol} for the tracker of {self.symbol}")
        match frame:
            case BookFrame():
                return self._on_book(frame)
            case TradeFrame():
                self._on_trades(frame)
            case TickerFrame():
                self._on_ticker(frame)
        return True

    def gap(self) -> None:
        """Notes an interruption of the stream: the book's chain is broken, the rest is only
        older."""
        self.book.invalidate()

    def view(self) -> MarketView | None:
        """The market view; None before the first frame. Without a valid book it has no bid, ask and
        depth."""
        if self._as_of is None:
            return None
        book = self.book if self._book_counts() else OrderBook(self.symbol)
        depth_bps = self._settings.depth_bps
        return MarketView(
            symbol=self.symbol,
            as_of=self._as_of,
            bid=book.best_bid,
            ask=book.best_ask,
            last=self._last,
            mark=self._mark,
            index=self._index,
            bids=book.bids(self._settings.levels),
            asks=book.asks(self._settings.levels),
            bid_depth=book.depth(TradeSide.BUY, depth_bps),
            ask_depth=book.depth(TradeSide.SELL, depth_bps),
            depth_bps=depth_bps,
            volatility=self._short.per_day,
            volatility_baseline=self._baseline.per_day,
            volume_24h=self._turnover,
            funding_rate=None if self._funding is None else float(self._funding),
            traded_qty=None if self._traded_since is None else self._traded,
            traded_since=self._traded_since,
        )

    def _book_counts(self) -> bool:
        if not self.book.is_valid or self.book.at is None or self._as_of is None:
            return False
        lag = self._as_of - self.book.at
        return lag <= timedelta(seconds=self._settings.book_lag_seconds)

    def _seen(self, at: datetime) -> None:
        if self._as_of is None or at > self._as_of:
            self._as_of = at
        if self._traded_since is None:
            self._traded_since = at

    def _on_book(self, frame: BookFrame) -> bool:
        if not self.book.apply(frame):
            return False
        self._seen(frame.at)
        mid = self.book.mid
        if mid is not None:
            # The mid instead of trades, because the bounce between bid and ask is no volatility.
            self._short.update(frame.at, float(mid))
            self._baseline.update(frame.at, float(mid))
        return True

    def _on_trades(self, frame: TradeFrame) -> None:
        for trade in frame.trades:
            self._traded += trade.qty
            self._set_last(trade.at, trade.price)
            self._seen(trade.at)

    def _on_ticker(self, frame: TickerFrame) -> None:
        self._seen(frame.at)
        if frame.last is not None:
            self._set_last(frame.at, frame.last)
        self._mark = frame.mark if frame.mark is not None else self._mark
        self._index = frame.index if frame.index is not None else self._index
        if frame.turnover_24h is not None:
            self._turnover = frame.turnover_24h
        if frame.funding_rate is not None:
            self._funding = frame.funding_rate

    def _set_last(self, at: datetime, price: Decimal) -> None:
        if self._last_at is None or at >= self._last_at:
            self._last, self._last_at = price, at
