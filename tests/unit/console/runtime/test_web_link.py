"""One-time links: good once, for minutes, from this home, and not from before a restart."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.clock import FixedClock
from console.runtime.web_link import LIFETIME, Links, draw

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_link_is_good_once() -> None:
    links = Links(lambda: "secret", FixedClock(NOW))
    token = draw("secret", NOW)
    assert links.take(token)
    assert not links.take(token)
    assert links.take(draw("secret", NOW))


def test_a_link_ends_with_its_time_and_with_a_restart() -> None:
    clock = FixedClock(NOW)
    links, token = Links(lambda: "secret", clock), draw("secret", NOW)
    clock.move_to(NOW + LIFETIME + SECOND)
    assert not links.take(token)
    assert not Links(lambda: "secret", clock).take(draw("secret", NOW + LIFETIME - SECOND))


@pytest.mark.parametrize("token", ["", ".", "..", "1.2.3", "x.y.z", "ä.ö.ü"])
def test_what_is_no_link_is_refused(token: str) -> None:
    assert not Links(lambda: "secret", FixedClock(NOW)).take(token)


def test_another_homes_link_and_a_home_without_a_secret_open_nothing() -> None:
    assert not Links(lambda: "secret", FixedClock(NOW)).take(draw("another", NOW))
    assert not Links(lambda: None, FixedClock(NOW)).take(draw("secret", NOW))
