"""Minute bars, and their merge into the bars of an interval."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

MINUTE_MS = 60_000
DAY_MINUTES = 1440
MAX_BARS = 30 * DAY_MINUTES
"""A month of minutes is enough for volume curves. A bar takes about 200 bytes."""
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

    def cover(self, minute: "Bar") -> None:
        """Adds the prices of a later minute to this bar, whether it traded or not."""
        self.high = max(self.high, minute.high)
        self.low = min(self.low, minute.low)
        self.close = minute.close

    def join(self, minute: "Bar") -> None:
        """Adds a later minute to this bar."""
        if minute.volume and not self.volume:
            # Nothing has traded in this bar: the old price was only a stand-in.
            self.open = self.high = self.low = minute.open
        elif not minute.volume and self.volume:
            return
        self.cover(minute)
        self.volume += minute.volume
        self.turnover += minute.turnover


def missing_minutes(last: Bar, now_ms: int) -> list[Bar]:
    """Flat bars that follow `last`, up to the minute of `now_ms`."""
    minute = now_ms - now_ms % MINUTE_MS
    missing = min((minute - last.start) // MINUTE_MS, MAX_BARS)
    return [Bar(minute - back * MINUTE_MS, last.close) for back in range(missing - 1, -1, -1)]


def merged(
    minutes: list[Bar], interval: str, start: int, end: int, *, trades: bool = True
) -> list[tuple[int, Bar]]:
    """Bars that start in [start, end], oldest first, as (end of bar, bar).

    `minutes` are without gaps, oldest first. With `trades` a minute without volume moves no price.
    """
    between = _between(minutes, bucket(start, interval)[0], bucket(end, interval)[1])
    return grouped(between, interval, start, end, trades=trades)


def grouped(
    bars: Iterable[Bar], interval: str, start: int, end: int, *, trades: bool = True
) -> list[tuple[int, Bar]]:
    """As `merged`, from bars of any length that fits into the interval's."""
    add = Bar.join if trades else Bar.cover
    found: list[tuple[int, Bar]] = []
    for bar in bars:
        first, last = bucket(bar.start, interval)
        if first < start or first > end:
            continue
        if not found or found[-1][1].start != first:
            found.append((last, Bar(first, bar.open)))
        add(found[-1][1], bar)
    return found


def _between(minutes: list[Bar], first: int, last: int) -> list[Bar]:
    if not minutes:
        return []
    oldest = minutes[0].start
    begin = max(0, (first - oldest) // MINUTE_MS)
    return minutes[begin : max(0, (last - oldest) // MINUTE_MS + 1)]


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


@lru_cache(maxsize=1)
def flat_bars(first: int, count: int, price: int) -> tuple[Bar, ...]:
    """Bars of one price for `count` minutes from `first`, in milliseconds.

    All instruments share them: a finished bar never changes.
    """
    return tuple(Bar(first + n * MINUTE_MS, price) for n in range(count))
