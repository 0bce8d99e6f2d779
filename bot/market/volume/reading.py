"""Reads the minutes of several symbols from an exchange, for training."""

from collections.abc import Callable, Sequence
from datetime import datetime

from bot.errors import Refused
from bot.market.bars import MinuteSource
from bot.market.volume.minutes import row_of, since_last_outage
from bot.market.volume.panel import Bars, Panel, moment_of


class NoMinutes(Refused):
    """The exchange has no usable minutes of a symbol."""


def read_exchange(
    source: MinuteSource,
    symbols: Sequence[str],
    start: datetime,
    end: datetime,
    said: Callable[[str], None] = lambda _: None,
) -> Panel:
    """The minutes that all symbols have, after the last outage of any of them.

    `said` is called for each symbol once it is read. Raises NoMinutes, and the errors of a read.
    """
    read = []
    for symbol in sorted(set(symbols)):
        bars = _read(source, symbol, start, end)
        first = moment_of(bars.first_minute).isoformat(timespec="minutes")
        said(f"{symbol}: {len(bars.volume):,} minutes from {first}")
        read.append(bars)
    try:
        return Panel.of(read)
    except ValueError as error:
        raise NoMinutes(str(error)) from error


def _read(source: MinuteSource, symbol: str, start: datetime, end: datetime) -> Bars:
    rows = [row_of(bar) for bar in source.minute_bars(symbol, start, end)]
    try:
        return since_last_outage(symbol, rows)
    except ValueError as error:
        raise NoMinutes(f"no usable minutes of {symbol}: {error}") from error
