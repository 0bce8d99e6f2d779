"""The volatility breaker's ratio ignores a jump and sees a storm."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.market.spikes import correlation_shift, median_volatility, volatility_spike

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def closes(returns: Sequence[float]) -> list[tuple[datetime, Decimal]]:
    price, found = 100.0, [(T0, Decimal(100))]
    for minute, step in enumerate(returns, start=1):
        price *= math.exp(step)
        found.append((T0 + timedelta(minutes=minute), Decimal(repr(price))))
    return found


def noise(count: int, size: float, seed: int = 1) -> list[float]:
    source = random.Random(seed)
    return [source.gauss(0, size) for _ in range(count)]


def test_it_measures_the_volatility_of_returns() -> None:
    found = median_volatility(noise(20_000, 0.001))
    assert found == pytest.approx(0.001 * math.sqrt(1440), rel=0.02)


def test_one_jump_is_no_spike() -> None:
    jump = [*noise(720, 0.0005), *noise(7, 0.0005, 2), 0.05, *noise(7, 0.0005, 3)]
    ratio = volatility_spike(closes(jump), 15)
    assert ratio is not None
    assert ratio < 2


def test_a_storm_is_a_spike() -> None:
    ratio = volatility_spike(closes([*noise(720, 0.0005), *noise(15, 0.003, 2)]), 15)
    assert ratio is not None
    assert ratio > 3


def test_calm_days_make_no_spike() -> None:
    """Ten thousand quarter-hours: how often chance alone reaches the default of three."""
    history = noise(720, 0.0005)
    ratios = [median_volatility(noise(15, 0.0005, seed)) or 0.0 for seed in range(2, 10_002)]
    base = median_volatility(history)
    assert base is not None
    assert sum(ratio / base >= 3 for ratio in ratios) == 0


def test_a_short_history_and_a_gap_say_nothing() -> None:
    assert volatility_spike(closes(noise(59, 0.001)), 15) is None
    assert median_volatility([0.1, 0.1]) is None
    gaps = closes(noise(200, 0.001))[::2]
    assert volatility_spike(gaps, 15) is None


def test_a_market_that_stands_still_has_the_floor() -> None:
    assert volatility_spike(closes([0.0] * 100), 15) == 1.0


def test_the_shift_is_the_average_change_of_the_pairs() -> None:
    before = {"A": {"B": 0.9, "C": 0.5}, "B": {"A": 0.9, "C": 0.4}, "C": {"A": 0.5, "B": 0.4}}
    now = {"A": {"B": 0.3, "C": 0.5}, "B": {"A": 0.3, "C": 0.7}, "C": {"A": 0.5, "B": 0.7}}
    assert correlation_shift(now, before) == pytest.approx(0.3)
    assert correlation_shift(now, {}) is None
