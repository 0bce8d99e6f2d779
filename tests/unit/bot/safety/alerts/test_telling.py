"""The rate of one channel, and the waits between attempts."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.safety.alerts.telling import choose, wait_after
from models.enums import AlertLevel
from tests.support.properties import examples

WARNING, EMERGENCY = AlertLevel.WARNING, AlertLevel.EMERGENCY


def test_one_by_one_until_the_last_message_of_the_minute_sums_up_the_rest() -> None:
    assert choose([], 0, 10) == 0
    assert choose([WARNING] * 40, 0, 10) == 1
    assert choose([WARNING] * 40, 8, 10) == 1
    assert choose([WARNING] * 40, 9, 10) == 40
    assert choose([WARNING] * 40, 10, 10) == 0


def test_an_emergency_goes_beyond_the_rate_but_not_for_ever() -> None:
    assert choose([EMERGENCY, WARNING], 10, 10) == 1
    assert choose([EMERGENCY, WARNING], 20, 10) == 0


@given(
    levels=st.lists(st.sampled_from(AlertLevel), max_size=30),
    sent=st.integers(0, 50),
    per_minute=st.integers(2, 20),
)
@settings(max_examples=examples(100))
def test_a_minute_never_has_more_than_twice_its_messages(
    levels: list[AlertLevel], sent: int, per_minute: int
) -> None:
    count = choose(levels, sent, per_minute)
    assert 0 <= count <= len(levels)
    if sent >= 2 * per_minute:
        assert count == 0


def test_waits_double_up_to_five_minutes() -> None:
    waits = [wait_after(attempt) for attempt in (1, 2, 3, 300)]
    assert waits == [timedelta(seconds=n) for n in (1, 2, 4, 300)]
