"""The figures of recorded minutes are those that the live breakers have at the same minute."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from bot.market.correlation import shrunk_correlations
from bot.market.recorded_figures import RecordedMinutes, correlation_shifts, volatility_ratios
from bot.market.spikes import correlation_shift, volatility_spike

FIRST, LENGTH, HISTORY = 29_000_000, 500, 300
NUMBERS = np.random.default_rng(7)


def closes(count: int) -> np.ndarray:
    return np.round(100 * np.exp(np.cumsum(NUMBERS.normal(0, 0.002, count))), 4)


def pairs(minutes: np.ndarray, found: np.ndarray) -> list[tuple[datetime, Decimal]]:
    return [
        (datetime.fromtimestamp(int(minute) * 60, UTC), Decimal(str(close)))
        for minute, close in zip(minutes, found, strict=True)
    ]


def test_volatility_is_the_live_one_also_across_gaps() -> None:
    minutes = np.arange(FIRST, FIRST + LENGTH)
    minutes = minutes[(minutes % 97 != 0)]
    close = closes(len(minutes))
    bars = RecordedMinutes("A", minutes, close, close, close)
    ratios = volatility_ratios(bars, 15, HISTORY)
    assert np.isnan(ratios[30])
    for at in (80, 200, 301, len(minutes) - 1):
        first = max(0, at - HISTORY + 1)
        live = volatility_spike(pairs(minutes[first : at + 1], close[first : at + 1]), 15)
        assert ratios[at] == pytest.approx(live)


def test_correlations_are_the_live_ones() -> None:
    minutes = np.arange(FIRST, FIRST + LENGTH)
    found = {symbol: closes(LENGTH) for symbol in ("A", "B", "C")}
    shifts = correlation_shifts(found, 120, HISTORY)
    assert np.isnan(shifts[149])
    for at in (150, 299, LENGTH - 1):
        first, middle = max(0, at - HISTORY + 1), at + 1 - 120
        now = {s: pairs(minutes[middle : at + 1], c[middle : at + 1]) for s, c in found.items()}
        before = {s: pairs(minutes[first:middle], c[first:middle]) for s, c in found.items()}
        live = correlation_shift(shrunk_correlations(now), shrunk_correlations(before))
        assert shifts[at] == pytest.approx(live)
