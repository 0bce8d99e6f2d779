"""A window of calls for each caller."""

from datetime import UTC, datetime, timedelta

from bot.clock import FixedClock
from console.api.rates import Rates

START = datetime(2026, 11, 30, tzinfo=UTC)


def test_a_caller_has_so_many_calls_in_a_window_and_others_have_their_own() -> None:
    clock = FixedClock(START)
    rates = Rates(clock, 2, timedelta(seconds=1))
    assert [rates.take("a") for _ in range(3)] == [True, True, False]
    assert rates.is_full("a") and not rates.is_full("b")
    assert rates.take("b")
    clock.move_to(START + timedelta(seconds=1))
    assert not rates.is_full("a")
    assert rates.take("a")


def test_the_memory_is_bounded() -> None:
    rates = Rates(FixedClock(START), 1, timedelta(seconds=1))
    for number in range(3000):
        rates.take(str(number))
    assert len(rates._calls) == 1000
