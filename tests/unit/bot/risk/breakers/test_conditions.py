"""The original interface's six breakers: what trips each, and what says nothing."""

from dataclasses import replace
from math import nan

import pytest

from bot.risk.breakers.conditions import BreakerLimits, Readings, trips
from models.enums import CircuitBreakerType as Kind

LIMITS = BreakerLimits()
CALM = Readings(
    daily_loss=0.0299,
    volatility_ratio=2.99,
    hit_rate=0.4,
    outcomes=50,
    correlation_shift=0.29,
    failures=3,
    executions=20,
    data_age_seconds=5.0,
)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"daily_loss": 0.03}, Kind.DAILY_LOSS_LIMIT),
        ({"volatility_ratio": 3.0}, Kind.VOLATILITY_SPIKE),
        ({"hit_rate": 0.39}, Kind.MODEL_PERFORMANCE_DEGRADED),
        ({"hit_rate": nan}, Kind.MODEL_PERFORMANCE_DEGRADED),
        ({"correlation_shift": 0.3}, Kind.CORRELATION_BREAKDOWN),
        ({"failures": 4}, Kind.EXECUTION_FAILURE_RATE),
        ({"data_age_seconds": 5.1}, Kind.DATA_QUALITY_ISSUE),
        ({"data_problem": "crossed book"}, Kind.DATA_QUALITY_ISSUE),
        ({"daily_loss": nan}, Kind.DATA_QUALITY_ISSUE),
    ],
)
def test_each_breaker_trips_at_its_limit_and_alone(change: dict[str, float], kind: Kind) -> None:
    assert trips(CALM, LIMITS) == ()
    (trip,) = trips(replace(CALM, **change), LIMITS)
    assert trip.kind is kind
    assert trip.reason


def test_too_few_outcomes_or_orders_say_nothing() -> None:
    few = Readings(hit_rate=0.0, outcomes=19, failures=9, executions=9)
    assert trips(few, LIMITS) == ()
    assert trips(Readings(), LIMITS) == ()
