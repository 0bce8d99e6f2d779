import time

import pytest

from paper_exchange.server.clock import FreeClock, ScaledClock, wall_ms


def test_at_speed_one_the_exchange_has_the_walls_time() -> None:
    clock = ScaledClock()
    assert abs(clock.now_ms() - wall_ms()) <= 2


def test_a_fast_clock_runs_from_now_at_its_speed() -> None:
    clock = ScaledClock(1000)
    before = clock.now_ms()
    time.sleep(0.01)
    assert 10_000 <= clock.now_ms() - before < 1_000_000
    assert clock.wall_seconds(2_000_000) == 2


def test_a_free_clock_goes_where_events_take_it_and_never_back() -> None:
    clock = FreeClock()
    start = clock.now_ms()
    clock.advance_to(start + 5)
    clock.advance_to(start)
    assert clock.now_ms() == start + 5


def test_time_must_move() -> None:
    for speed in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="positive"):
            ScaledClock(speed)
