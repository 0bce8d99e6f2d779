"""What each user of the embedded Redis may do, and above all may not."""

import json
import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from celery import Celery
from redis import Redis
from redis.exceptions import AuthenticationError, ResponseError

from config.celery import with_database
from tests.support.services import RedisServer

pytestmark = pytest.mark.services

FORBIDDEN: dict[str, tuple[str, ...]] = {
    "config": ("CONFIG", "SET", "dir", "/tmp"),
    "module": ("MODULE", "LOAD", "/x.so"),
    "debug": ("DEBUG", "SLEEP", "0"),
    "shutdown": ("SHUTDOWN", "NOSAVE"),
    "flushall": ("FLUSHALL",),
    "flushdb": ("FLUSHDB",),
    "save": ("SAVE",),
    "bgsave": ("BGSAVE",),
    "replicaof": ("REPLICAOF", "127.0.0.1", "1"),
    "slaveof": ("SLAVEOF", "127.0.0.1", "1"),
    "script flush": ("SCRIPT", "FLUSH"),
    "acl": ("ACL", "LIST"),
    "keys": ("KEYS", "*"),
    "monitor": ("MONITOR",),
    "client kill": ("CLIENT", "KILL", "TYPE", "normal"),
    "client list": ("CLIENT", "LIST"),
    "migrate": ("MIGRATE", "127.0.0.1", "1", "x", "0", "1"),
    "through a script": ("EVAL", "return redis.call('FLUSHALL')", "0"),
}
A_STRATEGYS_TOO: dict[str, tuple[str, ...]] = {
    "another queue": ("LPUSH", "emergency", "x"),
    "the market": ("SET", "mlrisk:market:BTCUSDT", "x"),
    "the schedule": ("ZADD", "mlrisk:beat::schedule", "0", "x"),
    "reading requests": ("LRANGE", "validation", "0", "-1"),
    "taking requests": ("BRPOP", "validation", "1"),
    "controlling workers": ("PUBLISH", "/0.celery.pidbox", "x"),
    "everybody's answers": ("PSUBSCRIBE", "celery-task-meta-*"),
    "listing": ("SCAN", "0"),
    "forged answers": ("SET", "celery-task-meta-x", "x"),
    "spoiled answers": ("LPUSH", "celery-task-meta-x", "x"),
    "bindings of others": ("SADD", "_kombu.binding.emergency", "x"),
    "unacknowledged messages": ("SADD", "unacked", "x"),
    "one unacknowledged message": ("GET", "unacked_mutex"),
    "counters of chords": ("GET", "celery-taskset-meta-x"),
    "answers of workers": ("SUBSCRIBE", "/0.celery.pidbox"),
    "events": ("SUBSCRIBE", "/0.celeryev/task.received"),
    "the market's value": ("GET", "mlrisk:market:BTCUSDT"),
    "scripts": ("EVAL", "return 1", "0"),
    "the server": ("INFO",),
}
REFUSED = re.compile("no permissions|(MODULE|DEBUG) command not allowed", re.IGNORECASE)


@pytest.fixture
def strategy(redis: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(redis.embedded.strategy_url("test")) as client:
        yield client


def refused(ask: Callable[[], object]) -> None:
    """By the user's rules, or because the server lets nobody do it."""
    with pytest.raises(ResponseError, match=REFUSED):
        ask()


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_no_user_but_the_supervisors_has_a_dangerous_command(
    kind: str, redis: RedisServer, strategy: Redis
) -> None:
    with redis.client() as ours:
        refused(lambda: ours.execute_command(*FORBIDDEN[kind]))
    refused(lambda: strategy.execute_command(*FORBIDDEN[kind]))


@pytest.mark.parametrize("kind", A_STRATEGYS_TOO)
def test_a_strategy_may_ask_and_read_its_answers_and_nothing_else(
    kind: str, strategy: Redis
) -> None:
    refused(lambda: strategy.execute_command(*A_STRATEGYS_TOO[kind]))


def test_nobody_comes_in_without_a_name(redis: RedisServer) -> None:
    with (
        Redis(host="127.0.0.1", port=redis.port, retry=None) as nobody,
        pytest.raises(AuthenticationError),
    ):
        nobody.ping()


def test_no_password_opens_the_door_without_a_name(redis: RedisServer) -> None:
    """The server's own user, which may do everything."""
    for password in ("", redis.embedded.password, redis.embedded.admin_password):
        with (
            Redis("127.0.0.1", redis.port, username="default", password=password) as nobody,
            pytest.raises(AuthenticationError),
        ):
            nobody.execute_command("AUTH", "default", password)


def test_what_was_written_together_outlives_the_server(redis: RedisServer) -> None:
    """Seen: unacknowledged messages were lost, because nobody in particular reads the log."""
    with redis.client() as client, client.pipeline() as together:
        together.hset("unacked", "tag", "message").zadd("unacked_index", {"tag": 1}).execute()
    redis.restart()
    with redis.client() as client:
        assert client.hgetall("unacked") == {b"tag": b"message"}
        assert client.zrange("unacked_index", 0, -1) == [b"tag"]


def test_a_strategy_enqueues_by_celery_and_waits_for_its_answer(redis: RedisServer) -> None:
    broker = redis.embedded.strategy_url("test")
    strategy = Celery(broker=broker, backend=with_database(broker, 1), set_as_current=False)
    task = str(uuid4())
    asked = strategy.send_task("a.task", args=[1], queue="validation", task_id=task)
    with redis.client() as ours:
        assert json.loads(ours.lindex("validation", 0))["headers"]["id"] == task
    answer = {"task_id": task, "status": "SUCCESS", "result": "yes", "traceback": None}
    with redis.client(1) as ours:
        ours.set(f"celery-task-meta-{task}", json.dumps({**answer, "children": []}))
    assert asked.get(timeout=30) == "yes"
    strategy.close()
