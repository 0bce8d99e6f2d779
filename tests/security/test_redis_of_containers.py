"""The Redis of docker-compose.yml has the users of `mlrisk up`, and a strategy of its own."""

import re
import signal
from collections.abc import Iterator

import pytest
import yaml
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from tests.support.repository import text_of
from tests.support.services import ServerProcess
from workers.embedded import acl
from workers.embedded.redis_program import server_program
from workers.ports import LOOPBACK, free_port

pytestmark = pytest.mark.services


def users() -> list[str]:
    """The lines that the compose file gives to the server, with the names of files as passwords."""
    script = yaml.safe_load(text_of("docker-compose.yml"))["services"]["redis"]["command"][-1]
    lines: list[str] = re.search(r"<<END\n(.*)END", script, re.DOTALL)[1].splitlines()  # type: ignore[index]
    return [re.sub(r"\$\$\(cat /run/secrets/(\w+)\)", r"\1", line) for line in lines]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp("redis")
    found = free_port()
    configuration = directory / "redis.conf"
    lines = [f"bind {LOOPBACK}", f"port {found}", 'save ""', f"dir {directory}", *users()]
    configuration.write_text("\n".join(lines) + "\n")
    server = ServerProcess(
        "redis",
        [str(server_program()), str(configuration)],
        lambda: _answers(found),
        signal.SIGTERM,
        directory,
    )
    server.start()
    yield found
    server.stop()


def _answers(port: int) -> bool:
    try:
        with Redis(LOOPBACK, port, password="redis_password") as client:
            return bool(client.ping())
    except RedisError:
        return False


def test_the_rules_are_those_of_a_home() -> None:
    ours, supervisor, strategy = users()
    assert ours.split() == ["user", "default", "on", ">redis_password", *_rules("mlrisk")]
    assert supervisor.endswith("~* &* +@all")
    assert strategy.split() == [
        *("user", "strategy-demo", "on", ">redis_demo_password"),
        *acl.strategy_user("demo", "x")[3:],
    ]


def _rules(name: str) -> list[str]:
    lines = acl.users("x", "y", {}).splitlines()
    return next(line.split()[4:] for line in lines if line.startswith(f"user {name} "))


def test_the_demo_strategy_asks_and_does_nothing_else(port: int) -> None:
    with Redis(
        LOOPBACK, port, username="strategy-demo", password="redis_demo_password"
    ) as strategy:
        assert strategy.lpush("validation", "x") == 1
        with pytest.raises(ResponseError, match=r"(?i)no permissions"):
            strategy.get("mlrisk:market:BTCUSDT")
        with pytest.raises(ResponseError, match=r"(?i)no permissions"):
            strategy.config_get("dir")


def test_ours_has_no_dangerous_command(port: int) -> None:
    with Redis(LOOPBACK, port, password="redis_password") as ours:
        assert ours.set("x", "1")
        with pytest.raises(ResponseError, match=r"(?i)no permissions"):
            ours.config_set("dir", "/tmp")
