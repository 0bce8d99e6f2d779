"""The bars before an instrument's first known minute, joined with the known ones."""

from collections.abc import Sequence

from paper_exchange.market.older import DAYS, Columns, History, joined
from paper_exchange.server.venue.bars import (
    DAY_MINUTES,
    INTERVAL_MINUTES,
    MINUTE_MS,
    Bar,
    bucket,
    grouped,
)

DAY_MS = DAY_MINUTES * MINUTE_MS


class OlderBars:
    """Adds a thousand days to a chart. They are drawn when somebody asks for them."""

    def __init__(self, history: History, first_ms: int) -> None:
        """`first_ms` is the start of the first known minute, in milliseconds since 1970."""
        self._history = history
        self._first_ms = first_ms
        self._day_ms = first_ms - first_ms % DAY_MS

    def needed(self, interval: str, start: int) -> bool:
        """Whether a chart from `start` shows something from before the first known minute."""
        return bucket(start, interval)[0] < self._first_ms

    def klines(
        self, known: Sequence[Bar], interval: str, start: int, end: int, *, trades: bool = True
    ) -> list[tuple[int, Bar]]:
        """Bars that start in [start, end], oldest first, as (end of bar, bar).

        `known` are the minutes without gaps from the first known one; `trades` as in `merged`.
        """

        minutes = [*self._rows(0, 1), *known]
        length = INTERVAL_MINUTES.get(interval)
        if length is None or length > DAY_MINUTES:
            last = bucket(end, interval)[1]
            days = grouped(minutes, "D", self._day_ms, last, trades=trades)
            whole = [*self._drawn_days(), *(day for _, day in days)]
            return grouped(whole, interval, start, end, trades=trades)
        recent = grouped(minutes, interval, max(start, self._day_ms), end, trades=trades)
        return [*self._drawn(interval, length, start, end), *recent]

    def _drawn(self, interval: str, length: int, start: int, end: int) -> list[tuple[int, Bar]]:
        """The bars of at most a day that end before the first known day."""
        oldest = max(1, min(DAYS, -((start - self._day_ms) // DAY_MS)))
        newest = max(1, -((end - self._day_ms) // DAY_MS))
        if length == DAY_MINUTES:
            bars = self._drawn_days()[DAYS - oldest : DAYS - newest + 1]
        else:
            bars = [bar for day in range(oldest, newest - 1, -1) for bar in self._rows(day, length)]
        return [(bucket(b.start, interval)[1], b) for b in bars if start <= b.start <= end]

    def _drawn_days(self) -> list[Bar]:
        rows = self._history.days()[::-1]
        return _bars(rows, self._day_ms - DAYS * DAY_MS, DAY_MS)

    def _rows(self, day: int, length: int) -> list[Bar]:
        rows = joined(self._history.minutes(day), length)
        return _bars(rows, self._day_ms - day * DAY_MS, length * MINUTE_MS)


def _bars(rows: Columns, first_ms: int, length_ms: int) -> list[Bar]:
    bars = []
    for number, row in enumerate(rows.tolist()):
        bar = Bar(first_ms + number * length_ms, row[0])
        _, bar.high, bar.low, bar.close, bar.volume, bar.turnover = row
        bars.append(bar)
    return bars
