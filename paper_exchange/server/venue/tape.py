"""What the market did: last trades, minute bars and day statistics of each instrument."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from paper_exchange.server.wire import UnitFormat, plain, trimmed
from paper_exchange.types import InstrumentSpec, MarketTrade, MarkUpdate, Past

MINUTE_MS = 60_000
DAY_MINUTES = 1440
MAX_TRADES = 1000
MAX_FUNDINGS = 200
MAX_BARS = 30 * DAY_MINUTES
"""A month of minutes: enough for volume curves; a bar takes about 200 bytes."""
INTERVAL_MINUTES = {
    **{str(m): m for m in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)},
    "D": DAY_MINUTES,
    "W": 7 * DAY_MINUTES,
}
MONTH = "M"


class Bar:
    """One minute in ticks and steps; turnover in tick-steps."""

    __slots__ = ("close", "high", "low", "open", "start", "turnover", "volume")

    def __init__(self, start: int, price: int) -> None:
        self.start = start
        self.open = self.high = self.low = self.close = price
        self.volume = 0
        self.turnover = 0

    def add(self, price: int, qty: int) -> None:
        """Takes one trade into the bar: price in ticks, quantity in steps."""
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.volume += qty
        self.turnover += price * qty


@dataclass(frozen=True, slots=True)
class _Finished:
    """The finished minutes of the last 24 hours as one; the running minute comes on top."""

    since_ms: int
    open: int
    open_hour: int
    high: int
    low: int
    volume: int
    turnover: int


class PublicTrade:
    """A trade as the market sees it: a replayed one, or a taker order of ours."""

    __slots__ = ("id", "price", "qty", "seq", "side", "tick", "ts_ms")

    def __init__(self, ident: str, ts_ms: int, price: int, qty: int, side: str, tick: str) -> None:
        self.id = ident
        self.ts_ms = ts_ms
        self.price = price
        self.qty = qty
        self.side = side
        self.tick = tick
        self.seq = 0


class Tape:
    """Running statistics of one instrument."""

    def __init__(self, spec: InstrumentSpec) -> None:
        self.spec = spec
        self.price_text = UnitFormat(spec.tick_size)
        self.qty_text = UnitFormat(spec.qty_step)
        self.trades: deque[PublicTrade] = deque(maxlen=MAX_TRADES)
        self.bars: list[Bar] = []
        """Minutes without gaps, oldest first."""
        self.seq = 0
        self.last_price = 0
        self.tick_direction = "ZeroPlusTick"
        self.mark_price: Decimal | None = None
        self.index_price: Decimal | None = None
        self.funding_rate: Decimal | None = None
        self.fundings: deque[tuple[int, Decimal]] = deque(maxlen=MAX_FUNDINGS)
        """Settled (time, rate) pairs, oldest first."""
        self._funding_period: int | None = None
        self.version = 0
        """Rises whenever something that a ticker shows may have changed."""
        self._trade_count = 0
        self._finished: _Finished | None = None

    def on_trade(self, trade: MarketTrade) -> PublicTrade:
        """Counts a trade; returns it with its id and tick direction."""
        price = trade.price
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
        self.seq += 1
        self._trade_count += 1
        minute = trade.ts_ms - trade.ts_ms % MINUTE_MS
        bars = self.bars
        if not bars or bars[-1].start < minute:
            if bars:
                self.roll(minute - MINUTE_MS)
            bars.append(Bar(minute, price))
            if len(bars) > MAX_BARS + DAY_MINUTES:
                del bars[:DAY_MINUTES]
        bars[-1].add(price, trade.qty)
        public = PublicTrade(
            f"{trade.ts_ms:013d}{self._trade_count:08d}",
            trade.ts_ms,
            price,
            trade.qty,
            trade.side,
            self.tick_direction,
        )
        public.seq = self.seq
        self.trades.append(public)
        return public

    def roll(self, now_ms: int) -> None:
        """Adds the flat bars of minutes without a trade, up to the minute of `now_ms`."""
        if not self.bars:
            return
        minute = now_ms - now_ms % MINUTE_MS
        missing = (minute - self.bars[-1].start) // MINUTE_MS
        for back in range(min(missing, MAX_BARS) - 1, -1, -1):
            self.bars.append(Bar(minute - back * MINUTE_MS, self.bars[-1].close))

    def on_mark(self, update: MarkUpdate) -> None:
        """Takes reference prices and notes the funding rate of each finished period."""
        if update.mark_price is not None:
            self.mark_price = update.mark_price
        if update.index_price is not None:
            self.index_price = update.index_price
        length = self.spec.funding_interval_minutes * MINUTE_MS
        period = update.ts_ms // length
        if self._funding_period not in (None, period) and self.funding_rate is not None:
            self.fundings.append((period * length, self.funding_rate))
        self._funding_period = period
        if update.funding_rate is not None:
            self.funding_rate = update.funding_rate
        self.version += 1

    def day(self, now_ms: int) -> dict[str, str]:
        """Statistics of the last 1,440 finished minutes, as far as they are known, and this one."""
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
        """Computed once a minute: a finished bar never changes."""
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
        """Bars whose start lies in [start, end], oldest first, as (end of bar, bar)."""
        grouped: list[tuple[int, Bar]] = []
        for minute in self._minutes(bucket(start, interval)[0], bucket(end, interval)[1]):
            first, last = bucket(minute.start, interval)
            if first < start or first > end:
                continue
            if not grouped or grouped[-1][1].start != first:
                merged = Bar(first, minute.open)
                grouped.append((last, merged))
            merged = grouped[-1][1]
            if minute.volume and not merged.volume:
                # Nothing had traded in this bar: the old price was only a stand-in.
                merged.open = merged.high = merged.low = minute.open
            elif not minute.volume and merged.volume:
                continue
            merged.high = max(merged.high, minute.high)
            merged.low = min(merged.low, minute.low)
            merged.close = minute.close
            merged.volume += minute.volume
            merged.turnover += minute.turnover
        return grouped

    def _minutes(self, first: int, last: int) -> list[Bar]:
        if not self.bars:
            return []
        oldest = self.bars[0].start
        begin = max(0, (first - oldest) // MINUTE_MS)
        return self.bars[begin : max(0, (last - oldest) // MINUTE_MS + 1)]

    def load_past(self, past: Past, start_ms: int) -> None:
        """What happened before the source's first event, which comes at `start_ms`."""
        this_minute = start_ms - start_ms % MINUTE_MS
        for old in past.bars:
            bar = Bar(this_minute + old.minute * MINUTE_MS, old.open)
            bar.high, bar.low, bar.close = old.high, old.low, old.close
            bar.volume, bar.turnover = old.volume, old.turnover
            self.bars.append(bar)
            self.last_price = bar.close
        length = self.spec.funding_interval_minutes * MINUTE_MS
        settled = start_ms - start_ms % length
        count = len(past.funding_rates)
        for number, rate in enumerate(past.funding_rates, 1):
            self.fundings.append((settled - (count - number) * length, rate))

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


def bucket(ts_ms: int, interval: str) -> tuple[int, int]:
    """First and last millisecond of the bar that holds `ts_ms`; weeks begin on Monday, UTC."""
    if interval == MONTH:
        return _month(ts_ms)
    length = INTERVAL_MINUTES[interval] * MINUTE_MS
    # 1970-01-01 was a Thursday; the first Monday came four days later.
    offset = 4 * DAY_MINUTES * MINUTE_MS if interval == "W" else 0
    first = ts_ms - (ts_ms - offset) % length
    return first, first + length - 1


def _month(ts_ms: int) -> tuple[int, int]:
    moment = datetime.fromtimestamp(ts_ms / 1000, UTC)
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = (first.year + 1, 1) if first.month == 12 else (first.year, first.month + 1)
    following = first.replace(year=year, month=month)
    return int(first.timestamp()) * 1000, int(following.timestamp()) * 1000 - 1
