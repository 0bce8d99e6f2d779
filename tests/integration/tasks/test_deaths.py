"""The deaths that each message has caused are counted for itself alone."""

from collections.abc import Iterator

import pytest
from celery import Celery

from tasks.deaths import Deaths
from tests.support.services import RedisServer

pytestmark = pytest.mark.services


@pytest.fixture
def deaths(redis: RedisServer) -> Iterator[Deaths]:
    app = Celery("deaths", backend=redis.url(), set_as_current=False)
    yield Deaths(app)
    app.close()


def test_a_messages_deaths_are_its_own_and_can_be_forgotten(deaths: Deaths) -> None:
    assert deaths.of("t", "body") == 0
    assert [deaths.add("t", "body") for _ in range(2)] == [1, 2]
    assert deaths.add("t", "another") == 1
    assert deaths.add("u", "body") == 1
    deaths.forget("t", "body")
    assert [deaths.of("t", "body"), deaths.of("t", "another"), deaths.of("u", "body")] == [0, 1, 1]


def test_a_body_of_any_characters_is_counted(deaths: Deaths) -> None:
    assert deaths.add("t", "\ud800\n\0") == 1
