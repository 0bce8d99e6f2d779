"""The time between two looks, and the trip that a reading causes."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.safety.breakers.readings import BreakerKind, BreakerReading, seconds_between
from bot.state.breakers import BreakerScope
from models.enums import BreakerAction, ScopeKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.floats(-1e6, 1e6))
def test_a_clock_that_jumps_adds_nearly_nothing(seconds: float) -> None:
    counted = seconds_between(NOW, NOW + timedelta(seconds=seconds))
    assert 0 <= counted <= 15
    if 0 <= seconds <= 15:
        assert abs(counted - seconds) < 1e-5


def test_a_breached_reading_trips_with_all_that_it_has_measured() -> None:
    scope = BreakerScope(ScopeKind.SYMBOL, "BTCUSDT")
    reading = BreakerReading(
        kind=BreakerKind.CHURN,
        scope=scope,
        value=None,
        limit="20",
        window="60 minutes",
        breached=True,
        reason="it trades in circles",
        action=BreakerAction.FLATTEN,
        until=NOW,
        memory={"count": 3},
    )
    trip = reading.finding()
    assert (trip.kind, trip.scope, trip.action) == (reading.kind, scope, BreakerAction.FLATTEN)
    assert (trip.value, trip.limit, trip.window) == ("", "20", "60 minutes")
    assert (trip.until, trip.memory, trip.reason) == (NOW, {"count": 3}, "it trades in circles")
