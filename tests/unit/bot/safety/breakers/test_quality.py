"""The figures of breakers: what counts as false, as a return, and as time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.safety.breakers.quality import DEFINITIONS, PastTrip, qualities
from models.enums import BreakerAction

T0 = datetime(2026, 3, 1, tzinfo=UTC)
END = T0 + timedelta(days=2)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def trip(minutes: float, ended: float | None = None, scope: str = "s", **more: object) -> PastTrip:
    return PastTrip(
        "churn",
        scope,
        at(minutes),
        ended_at=None if ended is None else at(ended),
        **more,  # type: ignore[arg-type]
    )


def test_a_trip_is_false_when_its_reading_came_back_by_itself_in_time() -> None:
    found = [
        trip(0, 20, within_again_at=at(15)),
        trip(100, 120, within_again_at=at(115.1)),
        trip(200, 220, within_again_at=at(205), was_helped=True),
        trip(300, 320),
    ]
    (one,) = qualities(found, T0, END)
    assert (one.trips, one.false_trips, one.false_share) == (4, 1, 0.25)
    assert "15 minutes" in DEFINITIONS["false trip"]


def test_a_trip_returns_within_a_day_of_its_end_in_the_same_scope_alone() -> None:
    found = [
        trip(0, 10),
        trip(20, 30, scope="other"),
        trip(10 + 1440, 10 + 1450),
        trip(10 + 1450 + 1, None),
    ]
    (one,) = qualities(found, T0, END)
    assert (one.ended, one.re_trips) == (3, 2)
    assert one.re_trip_share is not None
    assert round(one.re_trip_share, 3) == 0.667


def test_time_is_that_within_the_period_by_what_was_done() -> None:
    found = [
        trip(-60, 30),
        trip(60, None, action=BreakerAction.FLATTEN),
    ]
    (one,) = qualities(found, T0, at(120))
    assert one.trips == 1, "the first one began before the period"
    assert one.seconds == {"reduce_only": 1800.0, "flatten": 3600.0}


def test_losses_are_those_that_are_known() -> None:
    found = [trip(0, 1, loss=Decimal("0.01")), trip(2, 3, loss=Decimal("-0.02")), trip(4, 5)]
    (one,) = qualities(found, T0, END)
    assert (one.flat, one.mean_loss, one.worst_loss) == (2, Decimal("-0.005"), Decimal("0.01"))


def test_a_period_without_trips_has_no_figures() -> None:
    assert qualities([], T0, END) == []
