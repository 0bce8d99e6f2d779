"""`mlrisk strategy` on a real embedded Redis: who may come in, and when."""

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis, exceptions
from redis.exceptions import AuthenticationError, NoPermissionError

from bot.decision.signing import key_line
from config.private_files import write_private
from console.cli import run
from tests.support.desk import ACCOUNT, Desk
from tests.support.services import RedisServer, ServerProcess
from workers import strategies
from workers.embedded.acl import CONSOLE, USER_OF_PROCESS, users
from workers.home import Home

pytestmark = pytest.mark.services


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    monkeypatch.setenv("MLRISK_HOME", str(home.path))
    monkeypatch.delenv("MLRISK_REDIS_URL", raising=False)
    return home


@pytest.fixture
def server(home: Home, tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, strategies.server_of(home))
    server.start()
    yield server
    server.stop()


def came_in(url: str) -> bool:
    with Redis.from_url(url, retry=None) as client:
        try:
            return bool(client.ping())
        except AuthenticationError:
            return False


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except exceptions.ConnectionError:
        return False


def url_of(home: Home, name: str) -> str:
    return strategies.url_file(home, name).read_text(encoding="utf-8")


def test_a_strategy_comes_in_at_once_and_after_a_crash(home: Home, server: RedisServer) -> None:
    assert run(["strategy", "add", "momentum"]) == 0
    assert run(["strategy", "add", "carry"]) == 0
    assert came_in(url_of(home, "momentum"))
    server.kill()
    server.start()
    assert came_in(url_of(home, "momentum"))
    assert came_in(url_of(home, "carry"))


def test_its_url_is_in_a_private_file_and_printed_on_request_alone(
    home: Home, server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["strategy", "add", "momentum"]) == 0
    file = home.path / "strategies" / "momentum.url"
    assert capsys.readouterr().out.strip() == str(file)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    url = file.read_text(encoding="utf-8")
    password = urlsplit(url).password
    assert password
    assert password not in home.secret("redis-password")
    assert run(["strategy", "list", "--json"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == {
        "strategies": {"momentum": str(file)},
        "tags": {"momentum": "irv6gcd"},
    }
    assert run(["strategy", "add", "momentum", "--url"]) == 0
    assert capsys.readouterr().out.strip() == url, "the password of one that is known stays"
    assert came_in(url)


def test_the_list_shows_how_much_of_its_quotas_each_strategy_uses(
    home: Home,
    server: RedisServer,
    desk: Desk,
    migrated_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    monkeypatch.setenv("MLRISK_ACCOUNT", ACCOUNT)
    run(["strategy", "add", "momentum"])
    run(["strategy", "add", "carry"])
    wish = {"metadata": {"strategy": "momentum"}, "signal_data": {"position_size": "100"}}
    assert desk.approve("r-1", **wish)["verdict"] == "allow"
    capsys.readouterr()
    assert run(["strategy", "list", "--json"]) == 0
    used = json.loads(capsys.readouterr().out)["quotas"]
    assert used["momentum"]["open_requests"]["used"] == 1
    assert used["momentum"]["open_requests"]["allowed"] > 1
    assert used["carry"]["open_requests"]["used"] == 0
    assert run(["strategy", "list"]) == 0
    assert "open requests 1 of" in capsys.readouterr().out
    monkeypatch.setenv("MLRISK_DATABASE_URL", f"{migrated_url}_that_is_away")
    assert run(["strategy", "list"]) == 0
    told = capsys.readouterr()
    assert "momentum" in told.out
    assert "can't be read" in told.err


def test_one_that_is_removed_is_cut_off_and_nobody_else_is(home: Home, server: RedisServer) -> None:
    run(["strategy", "add", "momentum"])
    run(["strategy", "add", "carry"])
    former = url_of(home, "momentum")
    with (
        Redis.from_url(former, retry=None) as removed,
        Redis.from_url(url_of(home, "carry")) as other,
        server.client() as ours,
    ):
        connections = [client.connection_pool.get_connection() for client in (other, ours)]
        cut = removed.connection_pool.get_connection()
        assert run(["strategy", "remove", "momentum"]) == 0
        with pytest.raises(exceptions.ConnectionError):
            cut.send_command("PING")
            cut.read_response()
        for connection in connections:
            connection.send_command("PING")
            assert connection.read_response() == b"PONG"
    assert not came_in(former)
    assert not strategies.url_file(home, "momentum").exists()
    run(["strategy", "add", "momentum"])
    assert came_in(url_of(home, "momentum"))
    assert not came_in(former)


def test_one_that_is_added_while_nothing_runs_is_known_from_the_next_start(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["strategy", "add", "momentum"]) == 0
    assert "next start" in capsys.readouterr().err
    server = RedisServer(tmp_path, strategies.server_of(home))
    server.start()
    try:
        assert came_in(url_of(home, "momentum"))
    finally:
        server.stop()


def test_a_home_with_the_one_password_of_before_goes_on_with_its_queues(
    home: Home, tmp_path: Path
) -> None:
    embedded = strategies.server_of(home)
    embedded.prepare()
    lines = embedded.configuration.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("aclfile")]
    lines.append(f"requirepass {home.secret('redis-password')}")
    embedded.configuration.write_text("\n".join(lines), encoding="utf-8")
    url = f"redis://:{home.secret('redis-password')}@127.0.0.1:{embedded.port}/0"
    with Redis.from_url(url, retry=None) as client:
        before = ServerProcess(
            "redis", embedded.command(), lambda: answers(client), signal.SIGTERM, tmp_path
        )
        before.start()
        client.lpush("validation", "a request")
        before.stop()
    now = RedisServer(tmp_path, strategies.server_of(home))
    now.start()
    try:
        with now.client() as client:
            assert client.lrange("validation", 0, -1) == [b"a request"]
        assert not came_in(url)
    finally:
        now.stop()


def test_a_home_in_which_processes_shared_a_login_gives_each_its_own_and_keeps_its_queues(
    home: Home, tmp_path: Path
) -> None:
    shared, admin = home.secret("redis-password"), home.secret("redis-supervisor-password")
    before = RedisServer(tmp_path, strategies.server_of(home, ["momentum"]))
    named = ("default", "supervisor", "mlrisk", "strategy-")
    lines = before.embedded.users.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line.split()[1].startswith(named)]
    write_private(before.embedded.users, "\n".join(lines) + "\n")
    before.start()
    with before.client() as client:
        client.lpush("execution", "a wake-up")
    before.stop()
    now = RedisServer(tmp_path, strategies.server_of(home))
    now.start()
    try:
        with now.client() as client:
            assert client.lrange("execution", 0, -1) == [b"a wake-up"]
        urls = [now.embedded.url(user=user) for user in (CONSOLE, *USER_OF_PROCESS.values())]
        assert all(came_in(url) for url in (*urls, now.embedded.strategy_url("momentum")))
        words = {str(urlsplit(url).password) for url in urls}
        assert len(words) == len(set(urls))
        assert not words & {shared, admin}
    finally:
        now.stop()
    assert now.embedded.users.stat().st_mode & 0o777 == 0o600
    text = now.embedded.users.read_text(encoding="utf-8")
    assert not [word for word in (*words, shared, admin) if word in text]


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "a\nuser evil on", "-x", "a" * 33])
def test_a_name_that_is_none_is_refused_and_nothing_is_left(
    name: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["strategy", "add", "--", name]) == 1
    assert "letters" in capsys.readouterr().err
    assert strategies.names_of(home) == []


def test_one_that_is_not_known_cannot_be_removed(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["strategy", "remove", "momentum"]) == 1
    assert "no strategy is called 'momentum'" in capsys.readouterr().err


def test_a_redis_of_ones_own_keeps_its_users(
    home: Home,
    redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLRISK_REDIS_URL", "redis://:pw@cache:6379/0")
    assert run(["strategy", "add", "momentum"]) == 1
    assert "mlrisk strategy acl" in capsys.readouterr().err
    assert run(["strategy", "acl", "momentum"]) == 0
    words = capsys.readouterr().out.replace("PASSWORD", "word").split()
    url = urlsplit(redis.url())._replace(netloc=f"strategy-momentum:word@127.0.0.1:{redis.port}")
    with redis.embedded.admin() as admin:
        admin.execute_command(*words)
    try:
        with Redis.from_url(url.geturl()) as strategy:
            assert strategy.lpush("validation", "x") == 1
            with pytest.raises(NoPermissionError):
                strategy.lpush("emergency", "x")
    finally:
        with redis.embedded.admin() as admin:
            admin.acl_deluser("strategy-momentum")


def test_users_of_others_are_left_out_of_the_file_and_passwords_too(home: Home) -> None:
    server = replace(strategies.server_of(home), strategies={"one": "a-word", "two": "b-word"})
    text = users(server.password, server.admin_password, server.strategies)
    named = [line.split()[1] for line in text.splitlines()]
    assert named == [
        *("default", "supervisor", "mlrisk", "console", "worker", "feed", "beat", "flower"),
        *("canaries", "exporter"),
        *("strategy-one", "strategy-two"),
    ]
    for word in (server.password, server.admin_password, "a-word", "b-word"):
        assert word not in text


def test_a_strategy_is_given_its_key_where_requests_are_signed(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["strategy", "add", "momentum"]) == 0
    file = strategies.key_file(home, "momentum")
    assert not file.exists()
    assert run(["strategy", "key", "momentum"]) != 0
    assert "MLRISK_MESSAGE_KEY" in capsys.readouterr().err
    master = "a-master-of-messages"
    monkeypatch.setenv("MLRISK_MESSAGE_KEY", master)
    assert run(["strategy", "add", "momentum"]) == 0
    assert file.read_text(encoding="utf-8") == key_line(master, "momentum")
    assert file.stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    assert run(["strategy", "key", "momentum", "--generation", "2"]) == 0
    assert capsys.readouterr().out.strip() == str(file)
    assert file.read_text(encoding="utf-8") == key_line(master, "momentum", 2)
    monkeypatch.setenv("MLRISK_MESSAGE_KEY_GENERATIONS", "Alpha.1=3")
    assert run(["strategy", "key", "Alpha.1", "--show"]) == 0
    assert capsys.readouterr().out.strip() == key_line(master, "Alpha.1", 3)
    assert not strategies.key_file(home, "Alpha.1").exists()
    assert run(["strategy", "key", "../alpha"]) != 0
    assert run(["strategy", "remove", "momentum"]) == 0
    assert not file.exists()
