"""Equity breakers: a day's loss, a fall from the peak, and readings that jump."""

from decimal import Decimal

import pytest

from bot.risk.breakers.equity import DrawdownBreaker, EquityGuard, daily_loss, losing_streak
from models.enums import CircuitBreakerType as Kind


def test_a_day_without_a_start_is_a_data_problem() -> None:
    trip = daily_loss(Decimal(0), Decimal(100), Decimal("0.03"))
    assert trip is not None
    assert trip.kind is Kind.DATA_QUALITY_ISSUE


def test_a_streak_without_a_limit_cannot_be_configured() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        losing_streak(0, 0)


def test_a_drawdown_is_measured_from_the_peak_and_latches() -> None:
    breaker = DrawdownBreaker(Decimal("0.1"))
    for equity in ("100", "200", "181"):
        breaker = breaker.read(Decimal(equity))
        assert not breaker.tripped
    breaker = breaker.read(Decimal("180"))
    assert breaker.tripped
    assert breaker.read(Decimal("500")).tripped


def test_a_jump_is_believed_after_enough_readings_that_agree() -> None:
    guard = EquityGuard(confirmations=3)
    confirmed = [guard.read(Decimal(x)).confirmed for x in (100, 40, 90, 40, 41, 40, 39)]
    assert confirmed == [Decimal(x) for x in (100, 100, 90, 90, 90, 40, 39)]


def test_readings_that_jump_about_are_never_believed() -> None:
    guard = EquityGuard()
    readings = [guard.read(Decimal(x)) for x in (100, 10, 50, 10, 50, 10, 50)]
    assert {reading.confirmed for reading in readings} == {Decimal(100)}
    assert all(reading.alert for reading in readings[1:])


def test_an_equity_that_is_no_number_is_an_alert_and_nothing_else() -> None:
    guard = EquityGuard()
    assert guard.read(Decimal("NaN")).confirmed is None
    guard.read(Decimal(100))
    reading = guard.read(Decimal("NaN"))
    assert reading.confirmed == 100
    assert reading.alert is not None


def test_a_guard_that_believes_nothing_cannot_be_configured() -> None:
    for wrong in ({"confirmations": 0}, {"jump": Decimal(0)}):
        with pytest.raises(ValueError, match="a guard needs"):
            EquityGuard(**wrong)  # type: ignore[arg-type]
