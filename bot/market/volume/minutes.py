"""From a symbol's minutes, as a file or an exchange tells them, to bars without gaps."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from bot.market.bars import Bar
from bot.market.volume.panel import Bars, FloatArray, IntArray, minute_of

# A longer silence is an outage of the recorder or of the exchange: filling it would teach the
# models a dead market.
LONGEST_GAP_MINUTES = 30

Row: TypeAlias = tuple[float, float, float, float]
"""High, low, close and volume of one minute."""


def row_of(bar: Bar) -> tuple[int, Row]:
    """Minutes since 1970, and the values of the minute that the models read."""
    numbers = float(bar.high), float(bar.low), float(bar.close), float(bar.volume)
    return minute_of(bar.start), numbers


def without_gaps(symbol: str, minutes: IntArray, values: FloatArray) -> Bars:
    """Bars from rows in time order; a minute without a row had no trade: last close, no volume.

    `values` is (rows, 4): high, low, close, volume. Raises ValueError for rows out of order, gaps
    over LONGEST_GAP_MINUTES, and everything that Bars refuses.
    """
    steps = np.diff(minutes)
    if (steps < 1).any() or (steps > LONGEST_GAP_MINUTES).any():
        raise ValueError(
            f"bars must be in time order without a gap over {LONGEST_GAP_MINUTES} minutes"
        )
    offsets = minutes - minutes[0]
    length = int(offsets[-1]) + 1
    last = np.searchsorted(offsets, np.arange(length), side="right") - 1
    traded = offsets[last] == np.arange(length)
    close = values[last, 2]
    return Bars(
        symbol,
        int(minutes[0]),
        np.where(traded, values[last, 0], close),
        np.where(traded, values[last, 1], close),
        close,
        np.where(traded, values[last, 3], 0.0),
    )


def since_last_outage(symbol: str, rows: Sequence[tuple[int, Row]]) -> Bars:
    """Bars of the rows (in time order) that follow the last gap over LONGEST_GAP_MINUTES.

    Raises ValueError when there are none, or when Bars refuses them.
    """
    if not rows:
        raise ValueError(f"no minutes of {symbol}")
    minutes = np.array([minute for minute, _ in rows], dtype=np.int64)
    values = np.array([row for _, row in rows], dtype=np.float64)
    outages = np.flatnonzero(np.diff(minutes) > LONGEST_GAP_MINUTES)
    first = int(outages[-1]) + 1 if len(outages) else 0
    return without_gaps(symbol, minutes[first:], values[first:])
