"""An instrument's public data: last trades, minute bars and day statistics."""

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from paper_exchange.market.older import FlatHistory, OlderHistory
from paper_exchange.server.venue.bars import (
    DAY_MINUTES,
    MAX_BARS,
    MINUTE_MS,
    Bar,
    merged,
    missing_minutes,
)
from paper_exchange.server.venue.older_bars import OlderBars
from paper_exchange.server.venue.price_bars import PriceBars
from paper_exchange.server.wire import UnitFormat, plain, trimmed
from paper_exchange.types import InstrumentSpec, MarketTrade, MarkUpdate, Past, Side, new_tuple

MAX_TRADES = 1000
MAX_FUNDINGS = 200
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class _Finished:
    """The finished minutes of the last 24 hours as one. The running minute is not in it."""

    since_ms: int
    open: int
    open_hour: int
    high: int
    low: int
    volume: int
    turnover: int


class PublicTrade(NamedTuple):
    """A public trade: a replayed one, or a fill of our own taker."""

    ident: str | int
    """The id, or the trade's number among the trades of the instrument."""
    ts_ms: int
    price: int
    qty: int
    side: Side
    tick: str
    """The direction of the last tick, in Bybit's word."""
    seq: int

    @property
    def id(self) -> str:
        """The id, which is written only for those that read it."""
        ident = self.ident
        return ident if isinstance(ident, str) else f"{self.ts_ms:013d}{ident:08d}"


FIRST_UPDATE_ID = 1000
"""The first update id of a book. It is not 1, because 1 means a restart snapshot."""


class Tape:
    """Running statistics of one instrument."""

    def __init__(self, spec: InstrumentSpec) -> None:
        self.spec = self.grid = spec
        """`grid` keeps the tick and the step of the source's integers."""
        self.price_text = UnitFormat(spec.tick_size)
        self.qty_text = UnitFormat(spec.qty_step)
        self.trades: deque[PublicTrade] = deque(maxlen=MAX_TRADES)
        self.bars: list[Bar] = []
        """Minutes without gaps, oldest first."""
        self.older: OlderBars | None = None
        """The days before the first of them."""
        self.seq = 0
        """The cross sequence of the newest book, trade or fill."""
        self.update_id = FIRST_UPDATE_ID
        """The update id of the deepest book, for its stream and for REST alike."""
        self.book_seq = 0
        """The cross sequence of the book with this update id."""
        self._shown: tuple[int, int] | None = None
        self.last_price = 0
        self.tick_direction = "ZeroPlusTick"
        self.mark_price: Decimal | None = None
        self.index_price: Decimal | None = None
        self.funding_rate: Decimal | None = None
        self.fundings: deque[tuple[int, Decimal]] = deque(maxlen=MAX_FUNDINGS)
        """Settled (time, rate) pairs, oldest first."""
        self.mark_bars = PriceBars()
        self.index_bars = PriceBars()
        self.premium_bars = PriceBars()
        """The mark's premium over the index, in millionths."""
        self._funding_period: int | None = None
        self.version = 0
        """Rises whenever a field of the ticker may have changed."""
        self._trade_count = 0
        self._finished: _Finished | None = None

    def number_book(self) -> None:
        """Gives the present book the next update id."""
        self.update_id += 1
        self.book_seq = self.seq

    def show_book(self, now_ms: int) -> None:
        """Numbers a book outside of the stream, when it may differ from the one shown before.

        Our own impact decays with time alone.
        """
        if self._shown != (self.version, now_ms):
            self._shown = self.version, now_ms
            self.number_book()

    def on_trade(
        self, trade: MarketTrade, seq: int, ident: str | None = None, ts_ms: int | None = None
    ) -> PublicTrade:
        """Counts a trade; returns it with its id and tick direction.

        A fill of our own has the execution's id. A replayed trade gets an id here. The trade
        happens at `ts_ms`. Default: at its own time.
        """
        price, qty, ts = trade.price, trade.qty, trade.ts_ms if ts_ms is None else ts_ms
        last = self.last_price
        if price > last:
            self.tick_direction = "PlusTick"
        elif price < last:
            self.tick_direction = "MinusTick"
        else:
            rising = self.tick_direction in ("PlusTick", "ZeroPlusTick")
            self.tick_direction = "ZeroPlusTick" if rising else "ZeroMinusTick"
        self.last_price = price
        self.version += 1
        if seq > self.seq:
            self.seq = seq
        self._trade_count += 1
        bars = self.bars
        if not bars or ts - bars[-1].start >= MINUTE_MS:
            self._begin_minute(ts - ts % MINUTE_MS, price)
        bars[-1].add(price, qty)
        fields = (ident or self._trade_count, ts, price, qty, trade.side, self.tick_direction, seq)
        public = new_tuple(PublicTrade, fields)
        self.trades.append(public)
        return public

    def _begin_minute(self, minute: int, price: int) -> None:
        bars = self.bars
        self.roll(minute - MINUTE_MS)
        bars.append(Bar(minute, price))
        if len(bars) > MAX_BARS + DAY_MINUTES:
            del bars[:DAY_MINUTES]

    def roll(self, now_ms: int) -> None:
        """Adds the flat bars of minutes without a trade, up to the minute of `now_ms`."""
        if not self.bars:
            return
        self.bars.extend(missing_minutes(self.bars[-1], now_ms))

    def on_mark(self, update: MarkUpdate, ts_ms: int | None = None) -> None:
        """Takes reference prices and notes the funding rate of each finished period.

        They hold from `ts_ms` on. Default: from the update's own time on.
        """
        ts = update.ts_ms if ts_ms is None else ts_ms
        if update.mark_price is not None:
            self.mark_price = update.mark_price
        if update.index_price is not None:
            self.index_price = update.index_price
        length = self.spec.funding_interval_minutes * MINUTE_MS
        period = ts // length
        if self._funding_period not in (None, period) and self.funding_rate is not None:
            self.fundings.append((period * length, self.funding_rate))
        self._funding_period = period
        if update.funding_rate is not None:
            self.funding_rate = update.funding_rate
        self._chart(ts)
        self.version += 1

    def _chart(self, ts_ms: int) -> None:
        mark, index, tick = self.mark_price, self.index_price, self.spec.tick_size
        if mark is not None:
            self.mark_bars.on_price(ts_ms, round(mark / tick))
        if index is not None:
            self.index_bars.on_price(ts_ms, round(index / tick))
        if mark is not None and index:
            self.premium_bars.on_price(ts_ms, round((mark / index - 1) * MILLION))

    def day(self, now_ms: int) -> dict[str, str]:
        """Statistics of the last 1,440 finished minutes and the running one.

        Unknown minutes are left out.
        """
        self.roll(now_ms)
        if not self.bars:
            return {}
        day, running = self._finished_minutes(now_ms), self.bars[-1]
        change = Decimal(running.close - day.open) / day.open
        unit = self.spec.tick_size * self.spec.qty_step
        return {
            "prevPrice24h": self.price_text(day.open),
            "price24hPcnt": trimmed(change.quantize(Decimal("0.000001"))),
            "highPrice24h": self.price_text(max(day.high, running.high)),
            "lowPrice24h": self.price_text(min(day.low, running.low)),
            "prevPrice1h": self.price_text(day.open_hour),
            "turnover24h": plain((day.turnover + running.turnover) * unit),
            "volume24h": self.qty_text(day.volume + running.volume),
        }

    def _finished_minutes(self, now_ms: int) -> _Finished:
        """The finished minutes, computed once a minute because a finished bar never changes."""
        since = now_ms - now_ms % MINUTE_MS - DAY_MINUTES * MINUTE_MS
        if self._finished is None or self._finished.since_ms != since:
            recent = [bar for bar in self.bars[-DAY_MINUTES - 1 :] if bar.start >= since]
            *bars, running = recent
            hour = since + (DAY_MINUTES - 60) * MINUTE_MS
            self._finished = _Finished(
                since_ms=since,
                open=recent[0].open,
                open_hour=next((bar.open for bar in bars if bar.start >= hour), running.open),
                high=max((bar.high for bar in bars), default=running.high),
                low=min((bar.low for bar in bars), default=running.low),
                volume=sum(bar.volume for bar in bars),
                turnover=sum(bar.turnover for bar in bars),
            )
        return self._finished

    def klines(self, interval: str, start: int, end: int) -> list[tuple[int, Bar]]:
        """Bars that start in [start, end], oldest first, as (end of bar, bar)."""
        if self.older is not None and self.older.needed(interval, start):
            return self.older.klines(self.bars, interval, start, end)
        return merged(self.bars, interval, start, end)

    def load_past(self, past: Past, start_ms: int) -> None:
        """Loads the past before the source's first event. That event comes at `start_ms`."""
        this_minute = start_ms - start_ms % MINUTE_MS
        for old in past.bars:
            bar = Bar(this_minute + old.minute * MINUTE_MS, old.open)
            bar.high, bar.low, bar.close = old.high, old.low, old.close
            bar.volume, bar.turnover = old.volume, old.turnover
            self.bars.append(bar)
            self.last_price = bar.close
        for series in (self.mark_bars, self.index_bars):
            series.past(self.bars)
        self.premium_bars.past(self.bars, flat=0)
        length = self.spec.funding_interval_minutes * MINUTE_MS
        settled = start_ms - start_ms % length
        count = len(past.funding_rates)
        for number, rate in enumerate(past.funding_rates, 1):
            self.fundings.append((settled - (count - number) * length, rate))

    def draw_older(self) -> None:
        """Lets charts go on before the first known minute."""
        if not self.bars:
            return
        first, day = self.bars[0], self.bars[:DAY_MINUTES]
        minute = first.start // MINUTE_MS % DAY_MINUTES
        volume = sum(bar.volume for bar in day) / len(day)
        drawn = OlderHistory(self.spec.base_coin, minute, first.open, volume)
        self.older = OlderBars(drawn, first.start)
        self.mark_bars.older = self.index_bars.older = self.older
        self.premium_bars.older = OlderBars(FlatHistory(minute, 0), first.start)

    def bar_fields(self, bar: Bar) -> dict[str, Any]:
        """The bar's prices and volumes as Bybit's text fields."""
        unit = self.spec.tick_size * self.spec.qty_step
        return {
            "open": self.price_text(bar.open),
            "close": self.price_text(bar.close),
            "high": self.price_text(bar.high),
            "low": self.price_text(bar.low),
            "volume": self.qty_text(bar.volume),
            "turnover": plain(bar.turnover * unit),
        }
