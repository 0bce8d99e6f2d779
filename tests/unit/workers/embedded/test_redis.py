"""The embedded Redis, before it runs."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from workers.embedded.redis import EmbeddedRedis


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedRedis:
    passwords = ("hidden-word", "hidden-word-of-the-supervisor")
    return EmbeddedRedis(
        tmp_path / 'a "quoted" home', 16_379, *passwords, {"one": "hidden-word-of-one"}
    )


def test_its_configuration_keeps_queues_and_is_private(server: EmbeddedRedis) -> None:
    server.prepare()
    server.prepare()
    lines = server.configuration.read_text(encoding="utf-8").splitlines()
    assert "appendonly yes" in lines
    assert 'save ""' in lines
    assert "maxmemory-policy noeviction" in lines
    assert "bind 127.0.0.1" in lines
    assert server.users.stat().st_mode & 0o777 == 0o600
    for path in (server.configuration, server.users):
        assert "hidden-word" not in path.read_text(encoding="utf-8")
    assert "protected-mode yes" in lines
    assert server.configuration.stat().st_mode & 0o777 == 0o600
    assert server.directory.stat().st_mode & 0o777 == 0o700


def test_its_password_is_not_on_the_command_line(server: EmbeddedRedis) -> None:
    assert not any("hidden-word" in word for word in server.command())
    assert "hidden-word" not in repr(server)


def test_its_url_names_the_database(server: EmbeddedRedis) -> None:
    parts = urlsplit(server.url(2))
    assert (parts.username, parts.password) == ("mlrisk", "hidden-word")
    assert (parts.port, parts.path) == (16_379, "/2")
    parts = urlsplit(server.strategy_url("one"))
    assert (parts.username, parts.password) == ("strategy-one", "hidden-word-of-one")


def test_nobody_is_ready_on_a_silent_port(server: EmbeddedRedis) -> None:
    assert not server.is_ready()
