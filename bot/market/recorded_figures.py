"""Volatility ratios and correlation shifts of recorded minutes, for each minute of many days.

The same figures as `bot.market.spikes` has for the newest minute, by running sums, so that weeks
are replayed in seconds. A test compares the two.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.market.correlation import FEWEST_RETURNS, shrink
from bot.market.spikes import MINUTES_PER_DAY
from bot.market.volatility import VolatilitySettings
from bot.market.volume.panel import FloatArray, IntArray

_MED_RV = math.pi / (6 - 4 * math.sqrt(3) + math.pi)


@dataclass(frozen=True, slots=True)
class RecordedMinutes:
    """One symbol's minutes in order, as numbers since 1970, with high, low and close."""

    symbol: str
    minutes: IntArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


def volatility_ratios(bars: RecordedMinutes, short: int, history: int) -> FloatArray:
    """The volatility of the newest `short` minutes over that of the `history` before, at each
    minute; NaN where there is too little history."""
    follows = np.diff(bars.minutes) == 1
    sizes = np.abs(np.diff(np.log(bars.close))[follows])
    # The number of returns up to each bar.
    known = np.concatenate([[0], np.cumsum(follows)])
    neighbours = np.lib.stride_tricks.sliding_window_view(sizes, 3) if len(sizes) > 2 else None
    ratios = np.full(len(bars.minutes), np.nan)
    if neighbours is None:
        return ratios
    sums = np.concatenate([[0.0], np.cumsum(np.median(neighbours, axis=1) ** 2)])
    for at in range(len(ratios)):
        first, last = int(known[max(0, at - history + 1)]), int(known[at])
        if last - first < 4 * short:
            continue
        middle = last - short
        ratios[at] = _volatility(sums, middle, last) / _volatility(sums, first, middle)
    return ratios


def _volatility(sums: FloatArray, first: int, last: int) -> float:
    """The median realised volatility of the returns in [first, last)."""
    count = last - first
    variance = _MED_RV * float(sums[last - 2] - sums[first]) / (count - 2) * MINUTES_PER_DAY
    return max(math.sqrt(max(variance, 0.0)), VolatilitySettings().floor_per_day)


def correlation_shifts(closes: Mapping[str, FloatArray], short: int, history: int) -> FloatArray:
    """The average change of the pairs' correlations over the newest `short` closes against the
    rest of the history, at each common minute; NaN where too little is known."""
    matrix = np.log(np.column_stack([closes[symbol] for symbol in sorted(closes)]))
    shifts = np.full(len(matrix), np.nan)
    for at in range(len(matrix)):
        first, middle = max(0, at - history + 1), at + 1 - short
        if middle - first <= FEWEST_RETURNS or short <= FEWEST_RETURNS:
            continue
        now, before = (
            np.diff(matrix[middle : at + 1], axis=0),
            np.diff(matrix[first:middle], axis=0),
        )
        moving = (now.std(axis=0) > 0) & (before.std(axis=0) > 0)
        if moving.sum() < 2:
            continue
        change = np.abs(shrink(now[:, moving]) - shrink(before[:, moving]))
        shifts[at] = float(change[np.triu_indices(len(change), 1)].mean())
    return shifts
