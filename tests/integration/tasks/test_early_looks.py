"""Looks at the breakers after events, on a real Redis: at once, and few for many."""

import pytest
from redis import Redis

from tasks.early_looks import GAP_SECONDS, EarlyLooks

pytestmark = pytest.mark.services


@pytest.fixture
def client(redis_url: str) -> Redis:
    return Redis.from_url(redis_url)


def test_a_thousand_fills_ask_for_one_look_and_the_next_event_for_another(client: Redis) -> None:
    waits: list[float] = []
    looks = EarlyLooks(client, waits.append)
    for _ in range(1_000):
        looks.ask()
    assert waits == [0.0]
    looks.begin()
    for _ in range(1_000):
        looks.ask()
    assert len(waits) == 2
    assert 0 <= waits[1] <= GAP_SECONDS


def test_every_process_sees_what_another_has_asked_for(client: Redis) -> None:
    waits: list[float] = []
    first, second = EarlyLooks(client, waits.append), EarlyLooks(client, waits.append)
    first.ask()
    second.ask()
    second.begin()
    first.ask()
    assert len(waits) == 2


def test_without_redis_nothing_is_asked_for_and_nobody_waits_twice() -> None:
    calls: list[str] = []

    class Away(Redis):
        """Answers nothing."""

        def execute_command(self, *args: object, **options: object) -> object:
            calls.append("asked")
            return super().execute_command(*args, **options)

    now = 0.0
    looks = EarlyLooks(Away(port=1, socket_timeout=0.1), lambda _: None, lambda: now)
    for _ in range(3):
        looks.ask()
    assert calls == ["asked"]
    now = 6.0
    looks.ask()
    assert calls == ["asked", "asked"]
