"""Streaks and the refusals of the loss-history breakers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.risk.breakers.history import (
    ClosedTrade,
    Cooldown,
    LowProfit,
    StoplossGuard,
    consecutive_losses,
)
from bot.risk.breakers.locks import LockSide

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


def closed(minutes: int, profit: str, *, stopped_out: bool = True) -> ClosedTrade:
    at = NOW - timedelta(minutes=minutes)
    return ClosedTrade("XRPUSDT", LockSide.LONG, at, Decimal(profit), stopped_out)


def test_a_streak_counts_back_from_the_newest_close() -> None:
    trades = [closed(30, "0.1"), closed(10, "-0.1"), closed(20, "-0.1"), closed(40, "-0.1")]
    assert consecutive_losses(trades) == 2
    assert consecutive_losses([]) == 0
    assert consecutive_losses([closed(1, "0")]) == 0


def test_winning_stops_and_other_exits_do_not_count_against_the_guard() -> None:
    guard = StoplossGuard(limit=1)
    assert guard.judge([closed(1, "0.1")], NOW) is None
    assert guard.judge([closed(1, "-0.1", stopped_out=False)], NOW) is None
    assert guard.judge([closed(1, "-0.1")], NOW, symbol="ETHUSDT") is None
    assert guard.judge([closed(1, "-0.1")], NOW, symbol="XRPUSDT") is not None


def test_a_close_in_the_future_locks_nothing() -> None:
    assert Cooldown().judge([closed(-5, "-0.1")], NOW, "XRPUSDT") is None
    assert StoplossGuard(limit=1).judge([closed(-5, "-0.1")], NOW) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: StoplossGuard(limit=0),
        lambda: StoplossGuard(window=timedelta(0)),
        lambda: Cooldown(duration=timedelta(seconds=-1)),
        lambda: LowProfit(duration=timedelta(0)),
    ],
)
def test_a_breaker_that_locks_nothing_cannot_be_configured(wrong: object) -> None:
    with pytest.raises(ValueError, match="must be above zero"):
        wrong()  # type: ignore[operator]
