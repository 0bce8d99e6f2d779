"""Benchmarks of the market: interval VWAP and TWAP, volume, and prices before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.errors import Refused
from bot.market.bars import MINUTE, Bar
from bot.tca.shortfall import in_bps
from models.enums import TradeSide

REVERSION_AFTER = (timedelta(minutes=1), timedelta(minutes=5))
_GRID = Decimal("1e-12")
"""The rounding of averages, far under any tick or lot."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The market between two moments; minutes at the edges count by the share inside."""

    vwap: Decimal | None
    """The VWAP; None when nothing was traded."""
    twap: Decimal
    volume: Decimal
    bars: int


def interval(bars: Sequence[Bar], start: datetime, end: datetime) -> Interval | None:
    """The market of an interval; None when the bars don't cover all of it.

    A minute is the finest that the exchange keeps, so within a minute trading is taken as even.
    TWAP weighs each minute's mean of open, high, low and close. An interval without length counts
    as the instant's minute.
    """
    if end < start:
        raise Refused(f"the interval ends at {end} before it begins at {start}")
    if end == start:
        end = start + timedelta(microseconds=1)
    weighed = [(bar, _overlap(bar, start, end)) for bar in _in_order(bars)]
    inside = [(bar, Decimal(weight)) for bar, weight in weighed if weight > 0]
    length = Decimal(_microseconds(end - start))
    if sum((weight for _, weight in inside), Decimal(0)) != length:
        return None
    minute = Decimal(_microseconds(MINUTE))
    volume = sum((bar.volume * weight for bar, weight in inside), Decimal(0))
    turnover = sum((bar.turnover * weight for bar, weight in inside), Decimal(0))
    means = sum((_mean(bar) * weight for bar, weight in inside), Decimal(0))
    return Interval(
        vwap=(turnover / volume).quantize(_GRID) if volume else None,
        twap=(means / length).quantize(_GRID),
        volume=(volume / minute).quantize(_GRID),
        bars=len(inside),
    )


def price_at(bars: Sequence[Bar], at: datetime) -> Decimal | None:
    """The price at a moment, on the line from its minute's open to its close; None if uncovered.

    The end of the newest bar has its close: the minute after need not be there yet.
    """
    ordered = _in_order(bars)
    for bar in ordered:
        if bar.start <= at < bar.end:
            passed = Decimal(_microseconds(at - bar.start)) / _microseconds(MINUTE)
            return (bar.open + (bar.close - bar.open) * passed).quantize(_GRID)
    if ordered and ordered[-1].end == at:
        return ordered[-1].close
    return None


def reversion(side: TradeSide, then: Decimal, later: Decimal) -> Decimal:
    """The reversion of the price after the trade, in bps; positive when our impact faded."""
    return in_bps((then - later) * side.sign, then)


def _overlap(bar: Bar, start: datetime, end: datetime) -> int:
    return _microseconds(min(bar.end, end) - max(bar.start, start))


def _mean(bar: Bar) -> Decimal:
    return (bar.open + bar.high + bar.low + bar.close) / 4


def _in_order(bars: Sequence[Bar]) -> list[Bar]:
    """The bars by time, each minute once, because an exchange's pages overlap."""
    return [bar for _, bar in sorted({bar.start: bar for bar in bars}.items())]


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
