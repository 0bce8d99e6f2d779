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
from workers.supervision.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.services, pytest.mark.long]

PROCESSES = ("worker", "feed", "beat", "flower", "exporter")


def settings() -> list[str]:
    """The lines that the compose file gives to the server, with the names of files as passwords."""
    script = yaml.safe_load(text_of("docker-compose.yml"))["services"]["redis"]["command"][-1]
    lines: list[str] = re.search(r"<<END\n(.*)END", script, re.DOTALL)[1].splitlines()  # type: ignore[index]
    return [re.sub(r"\$\$\(cat /run/secrets/(\w+)\)", r"\1", line) for line in lines]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp("redis")
    found = free_port()
    configuration = directory / "redis.conf"
    lines = [f"bind {LOOPBACK}", f"port {found}", 'save ""', f"dir {directory}", *settings()]
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
    users = [line for line in settings() if line.startswith("user ")]
    default, *processes, supervisor, strategy = users
    # An address of before has no name, and works.
    assert default.split() == ["user", "default", "on", ">redis_password", *acl.rules_of("mlrisk")]
    for name, line in zip(PROCESSES, processes, strict=True):
        login = ["user", name, "on", f">redis_{name}_password"]
        assert line.split() == [*login, *acl.rules_of(name)]
    assert supervisor.endswith("~* &* +@all")
    assert strategy.split() == [
        *("user", "strategy-demo", "on", ">redis_demo_password"),
        *acl.strategy_user("demo", "x")[3:],
    ]


def test_the_demo_strategy_asks_and_does_nothing_else(port: int) -> None:
    with Redis(
        LOOPBACK, port, username="strategy-demo", password="redis_demo_password"
    ) as strategy:
        assert strategy.lpush("validation", "x") == 1
        with pytest.raises(ResponseError, match=r"(?i)no permissions"):
            strategy.get("mlrisk:market:BTCUSDT")
        with pytest.raises(ResponseError, match=r"(?i)no permissions"):
            strategy.config_get("dir")


@pytest.mark.parametrize("user", [None, *PROCESSES])
def test_ours_have_no_dangerous_command(port: int, user: str | None) -> None:
    password = "redis_password" if user is None else f"redis_{user}_password"
    with Redis(LOOPBACK, port, username=user, password=password) as ours:
        assert ours.llen("execution") == 0
        with pytest.raises(ResponseError, match=r"(?i)no permissions"):
            ours.config_set("dir", "/tmp")


def test_as_whom_the_server_reads_its_log_may_write_what_any_process_wrote(port: int) -> None:
    """What this user may not is lost at a start."""
    with Redis(LOOPBACK, port, password="redis_password") as nobody:
        for key in ("mlrisk:beat:sweep", "mlrisk:market:ETHUSDT", "unacked", "celeryev.x"):
            assert nobody.hset(key, "field", "x") == 1


def test_the_feed_alone_makes_the_market(port: int) -> None:
    market = ("mlrisk:market:BTCUSDT", "x")
    with Redis(LOOPBACK, port, username="feed", password="redis_feed_password") as feed:
        assert feed.set(*market)
    with Redis(LOOPBACK, port, username="worker", password="redis_worker_password") as worker:
        assert worker.get(market[0]) == b"x"
        with pytest.raises(ResponseError, match=r"(?i)no permissions"):
            worker.set(*market)
