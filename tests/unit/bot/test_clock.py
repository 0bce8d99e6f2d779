"""Clocks give aware times: the machine's, or one that stands until it is moved."""

from datetime import UTC, datetime, timedelta

from bot.clock import FixedClock, SystemClock


def test_the_machines_time_is_utc_and_never_naive() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC


def test_a_fixed_clock_stands_until_it_is_moved_in_either_direction() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    clock = FixedClock(start)
    assert clock.now() == clock.now() == start
    for moved in (start + timedelta(days=1), start - timedelta(days=1)):
        clock.move_to(moved)
        assert clock.now() == moved
