"""The window of an outcome, and what the market's minutes say."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.model_risk.outcomes import LONGEST_HORIZON, outcome, window
from models.enums import TradeSide

T0 = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("second", "horizon", "first", "last"),
    [(0, 60, 0, 1), (1, 60, 1, 2), (59, 1, 1, 2), (30, 90, 1, 2), (0, None, 0, 5)],
)
def test_a_window_has_whole_minutes_and_at_least_one(
    second: int, horizon: float | None, first: int, last: int
) -> None:
    start, end = window(T0 + timedelta(seconds=second), horizon)
    assert (start, end) == (T0 + timedelta(minutes=first), T0 + timedelta(minutes=last))


def test_a_horizon_ends_within_a_day() -> None:
    start, end = window(T0, 1e9)
    assert end - start == LONGEST_HORIZON


def test_the_market_decides_and_a_price_that_stays_decides_nothing() -> None:
    low, high = Decimal(1), Decimal(2)
    assert (outcome(TradeSide.BUY, low, high), outcome(TradeSide.SELL, low, high)) == (1.0, 0.0)
    assert (outcome(TradeSide.BUY, high, low), outcome(TradeSide.SELL, high, low)) == (0.0, 1.0)
    assert outcome(TradeSide.BUY, low, low) is outcome(TradeSide.BUY, None, low) is None
