"""Minute bars of a price that does not trade: mark, index and the premium between them."""

from paper_exchange.server.venue.bars import (
    MAX_BARS,
    MINUTE_MS,
    Bar,
    flat_bars,
    merged,
    missing_minutes,
)
from paper_exchange.server.venue.older_bars import OlderBars


class PriceBars:
    """Bars without volume, oldest first; a minute without a reading keeps the last price."""

    def __init__(self) -> None:
        self.bars: list[Bar] = []
        self.older: OlderBars | None = None

    def on_price(self, ts_ms: int, price: int) -> None:
        """Takes a price in the series' own unit: ticks, or millionths for a premium."""
        minute = ts_ms - ts_ms % MINUTE_MS
        if self.bars and self.bars[-1].start >= minute:
            self.bars[-1].add(price, 0)
            return
        self.roll(minute - MINUTE_MS)
        self.bars.append(Bar(minute, price))

    def roll(self, now_ms: int) -> None:
        """Adds flat bars up to the minute of `now_ms`."""
        if self.bars:
            self.bars.extend(missing_minutes(self.bars[-1], now_ms))
            del self.bars[:-MAX_BARS]

    def past(self, bars: list[Bar], *, flat: int | None = None) -> None:
        """Fills the unknown past with the trades' own prices, or with one `flat` price.

        The bars are shared, because a finished bar never changes. Copies of five days would take
        12 MB.
        """
        if flat is None or not bars:
            self.bars.extend(bars)
        else:
            self.bars.extend(flat_bars(bars[0].start, len(bars), flat))

    def klines(self, interval: str, start: int, end: int) -> list[Bar]:
        """Bars of `interval` that start in [start, end], oldest first."""
        if self.older is not None and self.older.needed(interval, start):
            found = self.older.klines(self.bars, interval, start, end, trades=False)
        else:
            found = merged(self.bars, interval, start, end, trades=False)
        return [bar for _, bar in found]
