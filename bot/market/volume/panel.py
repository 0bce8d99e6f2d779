"""One-minute bars of several symbols on one time axis, the only data a volume model sees."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

DAY_MINUTES = 1440
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def minute_of(moment: datetime) -> int:
    """Minutes since 1970 in UTC; a naive time is refused."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return (moment - _EPOCH) // _MINUTE


def moment_of(minute: int) -> datetime:
    """The start of a minute that is counted from 1970-01-01, UTC."""
    return _EPOCH + minute * _MINUTE


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one symbol without gaps, the first at `first_minute` (minutes since 1970)."""

    symbol: str
    first_minute: int
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __post_init__(self) -> None:
        sizes = {len(self.high), len(self.low), len(self.close), len(self.volume)}
        if len(sizes) != 1 or 0 in sizes:
            raise ValueError(f"{self.symbol}: bars need four columns of the same, positive length")
        if not np.isfinite(self.volume).all() or (self.volume < 0.0).any():
            raise ValueError(f"{self.symbol}: volume must be finite and not negative")
        if not ((self.low > 0.0) & (self.high >= self.low) & np.isfinite(self.high)).all():
            raise ValueError(f"{self.symbol}: prices must be positive, finite, and low <= high")

    @property
    def end_minute(self) -> int:
        """The minute after the last bar."""
        return self.first_minute + len(self.volume)


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars of several symbols over the same minutes; every array is (symbols, minutes)."""

    symbols: tuple[str, ...]
    first_minute: int
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    @classmethod
    def of(cls, bars: Iterable[Bars]) -> "Panel":
        """The minutes that all of them have."""
        ordered = sorted(bars, key=lambda one: one.symbol)
        if not ordered or len({one.symbol for one in ordered}) != len(ordered):
            raise ValueError("a panel needs bars, and each symbol once")
        first = max(one.first_minute for one in ordered)
        end = min(one.end_minute for one in ordered)
        if end <= first:
            raise ValueError("the symbols' bars have no minute in common")

        def stack(column: str) -> FloatArray:
            return np.stack(
                [getattr(b, column)[first - b.first_minute : end - b.first_minute] for b in ordered]
            )

        return cls(
            tuple(one.symbol for one in ordered),
            first,
            *(stack(column) for column in ("high", "low", "close", "volume")),
        )

    @property
    def end_minute(self) -> int:
        """The minute after the last bar."""
        return self.first_minute + int(self.volume.shape[1])

    @property
    def minutes_of_day(self) -> IntArray:
        """The minute of the UTC day of each column, 0 to 1439."""
        return np.arange(self.first_minute, self.end_minute) % DAY_MINUTES

    @property
    def typical_price(self) -> FloatArray:
        """(high + low + close) / 3: about the price of a trade that is spread over the minute."""
        typical: FloatArray = (self.high + self.low + self.close) / 3.0
        return typical

    def row(self, symbol: str) -> int:
        """The symbol's row in every array.

        Raises ValueError when the panel has no bars of the symbol.
        """
        try:
            return self.symbols.index(symbol)
        except ValueError:
            raise ValueError(f"no bars of {symbol} in the history") from None

    def between(self, start_minute: int, end_minute: int) -> "Panel":
        """The bars of minutes in [start, end)."""
        start, end = start_minute - self.first_minute, end_minute - self.first_minute
        if not 0 <= start < end <= self.volume.shape[1]:
            raise ValueError("the panel doesn't hold these minutes")
        cut = slice(start, end)
        return Panel(
            self.symbols,
            start_minute,
            self.high[:, cut],
            self.low[:, cut],
            self.close[:, cut],
            self.volume[:, cut],
        )

    def until(self, end_minute: int) -> "Panel":
        """The bars that were known at the beginning of `end_minute`."""
        return self.between(self.first_minute, end_minute)
