"""The line of `mlrisk doctor` about Redis, by a real server and by names of old ones."""

import pytest

from config.settings import Settings
from console.views.doctor import redis_line as module
from console.views.doctor.redis_line import redis_line
from tests.support.services import RedisServer, free_port
from workers.embedded.redis_holes import Server
from workers.embedded.redis_program import server_program, version_of

pytestmark = pytest.mark.services


def settings(url: str) -> Settings:
    return Settings(redis_url=url)


def test_server_and_version_are_named(redis: RedisServer) -> None:
    line = redis_line(settings(redis.url()))
    assert line.ok
    assert not line.warning
    assert line.detail.startswith(f"answers; {version_of(server_program())}, ")


def test_holes_by_what_our_clients_may_not_are_named_and_no_warning(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_server", lambda _: Server("valkey", (8, 1, 8)))
    line = redis_line(settings(redis.url()))
    assert not line.warning
    assert line.detail == (
        "answers; valkey 8.1.8, with known holes that mlrisk's clients can't use: "
        "CVE-2026-63639 (RESTORE), CVE-2026-56684 (TLS)"
    )


def test_a_client_that_may_not_ask_says_hello(redis: RedisServer) -> None:
    url = redis.embedded.strategy_url("test")
    assert str(version_of(server_program())) in redis_line(settings(url)).detail


def test_an_old_server_of_the_users_own_is_a_warning(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_server", lambda _: Server("redis", (6, 2, 14)))
    line = redis_line(settings(redis.url()))
    assert line.ok
    assert line.warning
    assert line.detail.startswith("answers, but redis 6.2.14 has known holes, update it (CVE-2025-")
    assert "CVE-2025-49844: Lua scripts can run foreign code" in line.detail


def test_a_server_that_is_away_is_down() -> None:
    line = redis_line(settings(f"redis://127.0.0.1:{free_port()}/0"))
    assert (line.ok, line.down) == (False, True)
    assert line.detail == "can't be reached (ConnectionError)"
