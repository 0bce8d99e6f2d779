"""What each user of the embedded Redis may do, and above all may not."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from uuid import uuid4

import pytest
from celery import Celery
from redis import Redis
from redis.exceptions import AuthenticationError, ResponseError

from config.celery import with_database
from tests.support.repository import ROOT
from tests.support.services import RedisServer
from workers.embedded.acl import USER_OF_PROCESS, rules_of

pytestmark = [pytest.mark.services, pytest.mark.long]

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
    "functions": ("FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('x', print)"),
    "flushing functions": ("FUNCTION", "FLUSH"),
    "ending scripts": ("SCRIPT", "KILL"),
    "who listens": ("PUBSUB", "CHANNELS"),
    "which keys change": ("CLIENT", "TRACKING", "ON", "BCAST"),
    "a random key": ("RANDOMKEY",),
    "through a script": ("EVAL", "return redis.call('FLUSHALL')", "0"),
}
A_STRATEGYS_TOO: dict[str, tuple[str, ...]] = {
    "another queue": ("LPUSH", "emergency", "x"),
    "spoiling its queue": ("SADD", "validation", "x"),
    "the market": ("SET", "mlrisk:market:BTCUSDT", "x"),
    "the schedule": ("ZADD", "mlrisk:beat::schedule", "0", "x"),
    "reading requests": ("LRANGE", "validation", "0", "-1"),
    "taking requests": ("BRPOP", "validation", "1"),
    "a place in another's lane": ("LPUSH", "validation.of.x", "x"),
    "a place before its turn": ("LPUSH", "validation.ours", "x"),
    "the lanes' names": ("SADD", "validation.lanes", "x"),
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
MAY: dict[str, tuple[str, ...]] = {
    "console": (
        *("INFO server", "LPUSH validation x", "LPUSH exits x", "DEL execution", "LLEN execution"),
        *("PUBLISH /0.celery.pidbox x", "BRPOP x.reply.celery.pidbox 1", "SET unacked_mutex x"),
        *("GET mlrisk:market:BTCUSDT", "PTTL mlrisk:closed:x", "HSET mlrisk:orders:{x}:state a b"),
    ),
    "worker": (
        *("BRPOP exits execution 1", "HSET unacked x y", "ZADD unacked_index 0 x", "LPUSH exits x"),
        *("SETEX celery-task-meta-x 1 x", "PUBLISH celery-task-meta-x x", "TYPE validation"),
        *("LMOVE validation validation.of.x RIGHT LEFT", "SADD validation.lanes validation.of.x"),
        *("PSUBSCRIBE /0.celery.pidbox", "PUBLISH /0.celeryev/task.multi x"),
        *("LPUSH x.reply.celery.pidbox x", "SREM _kombu.binding.exits x", "HSCAN unacked 0"),
        *("GET mlrisk:mark:BTCUSDT", "SET mlrisk:correlations x", "SET mlrisk:address-ban x"),
        *("SET mlrisk:breakers:asked 1 NX EX 9", "PTTL mlrisk:breakers:begun"),
        *("INCR mlrisk:deaths:x", "EXPIRE mlrisk:deaths:x 9", "DEL mlrisk:deaths:x"),
    ),
    "feed": (
        *("SET mlrisk:market:BTCUSDT x", "SET mlrisk:mark:BTCUSDT x", "SET mlrisk:correlations x"),
        *("LPUSH execution x", "LLEN execution", "SADD _kombu.binding.execution x"),
        *("SMEMBERS _kombu.binding.execution", "RPUSH mlrisk:orders:{x}:sent 1"),
        *(
            "LPUSH monitoring x",
            "SET mlrisk:breakers:asked 1 NX EX 9",
            "PTTL mlrisk:breakers:begun",
        ),
    ),
    "beat": (
        *("ZADD mlrisk:beat::schedule 0 x", "SCAN 0", "HSET mlrisk:beat:sweep meta x"),
        *("LPUSH emergency x", "LLEN sweeping", "SADD _kombu.binding.sweeping x"),
    ),
    "flower": (
        *("LLEN validation", "GET celery-task-meta-x", "PSUBSCRIBE /0.celeryev/*"),
        *("PUBLISH /0.celery.pidbox x", "BRPOP x.reply.celery.pidbox 1"),
    ),
    "canaries": ("LLEN dispatch", "PUBLISH /0.celery.pidbox x", "BRPOP x.reply.celery.pidbox 1"),
    "exporter": (
        *("LLEN validation", "LLEN validation.of.x", "SMEMBERS validation.lanes", "HLEN unacked"),
        "INFO memory",
    ),
    "strategy-test": (
        *("LPUSH validation x", "LLEN validation", "SADD _kombu.binding.validation x"),
        *("SMEMBERS _kombu.binding.validation", "GET celery-task-meta-x"),
        "SUBSCRIBE celery-task-meta-x",
    ),
}
"""Some of what each was seen to do while a system ran."""
REFUSED = re.compile("no permissions|(MODULE|DEBUG) command not allowed", re.IGNORECASE)
OTHERS: dict[tuple[str, str], tuple[str, ...]] = {
    ("console", "making the market"): ("SET", "mlrisk:market:BTCUSDT", "x"),
    ("console", "the schedule"): ("ZADD", "mlrisk:beat::schedule", "0", "x"),
    ("console", "listing"): ("SCAN", "0"),
    ("worker", "listing"): ("SCAN", "0"),
    ("worker", "making the market"): ("SET", "mlrisk:market:BTCUSDT", "x"),
    ("worker", "making a mark"): ("SET", "mlrisk:mark:BTCUSDT", "x"),
    ("worker", "the schedule"): ("ZADD", "mlrisk:beat::schedule", "0", "x"),
    ("worker", "moving the market"): ("MOVE", "mlrisk:market:BTCUSDT", "3"),
    ("feed", "the schedule"): ("ZADD", "mlrisk:beat::schedule", "0", "x"),
    ("feed", "reading requests"): ("LRANGE", "validation", "0", "-1"),
    ("feed", "taking messages"): ("BRPOP", "execution", "1"),
    ("feed", "a lane of strategies"): ("LPUSH", "validation.of.x", "x"),
    ("feed", "a halt's queue"): ("RPOP", "emergency"),
    ("feed", "emptying a queue"): ("DEL", "execution"),
    ("feed", "cutting a queue"): ("LTRIM", "execution", "1", "0"),
    ("feed", "moving a queue"): ("RENAME", "execution", "mlrisk:market:x"),
    ("feed", "a queue that it doesn't wake"): ("LPUSH", "dispatch", "x"),
    ("feed", "listing"): ("SCAN", "0"),
    ("feed", "counts of deaths"): ("DEL", "mlrisk:deaths:x"),
    ("feed", "unacknowledged messages"): ("HDEL", "unacked", "x"),
    ("feed", "controlling workers"): ("PUBLISH", "/0.celery.pidbox", "x"),
    ("feed", "forged answers"): ("SET", "celery-task-meta-x", "x"),
    ("beat", "the market"): ("GET", "mlrisk:market:BTCUSDT"),
    ("beat", "making the market"): ("SET", "mlrisk:market:BTCUSDT", "x"),
    ("beat", "controlling workers"): ("PUBLISH", "/0.celery.pidbox", "x"),
    ("beat", "the budget of orders"): ("DEL", "mlrisk:orders:{paper}:sent"),
    ("beat", "reading requests"): ("LRANGE", "validation", "0", "-1"),
    ("beat", "taking messages"): ("BRPOP", "execution", "1"),
    ("beat", "emptying a queue"): ("DEL", "execution"),
    ("beat", "cutting a queue"): ("LTRIM", "execution", "1", "0"),
    ("beat", "moving a queue"): ("RENAME", "execution", "mlrisk:beat:x"),
    ("beat", "unacknowledged messages"): ("HGETALL", "unacked"),
    ("beat", "dropping bindings"): ("SREM", "_kombu.binding.execution", "x"),
    ("beat", "forged answers"): ("SET", "celery-task-meta-x", "x"),
    ("flower", "the market"): ("GET", "mlrisk:market:BTCUSDT"),
    ("flower", "the budget of orders"): ("DEL", "mlrisk:orders:{paper}:sent"),
    ("flower", "the schedule"): ("ZADD", "mlrisk:beat::schedule", "0", "x"),
    ("flower", "enqueueing"): ("LPUSH", "validation", "x"),
    ("flower", "emptying a queue"): ("DEL", "execution"),
    ("flower", "reading requests"): ("LRANGE", "validation", "0", "-1"),
    ("flower", "taking messages"): ("BRPOP", "execution", "1"),
    ("flower", "unacknowledged messages"): ("HDEL", "unacked", "x"),
    ("flower", "their lock"): ("DEL", "unacked_mutex"),
    ("flower", "bindings of queues"): ("SADD", "_kombu.binding.validation", "x"),
    ("flower", "everybody's answers"): ("PSUBSCRIBE", "celery-task-meta-*"),
    ("flower", "forged answers"): ("SET", "celery-task-meta-x", "x"),
    ("canaries", "taking messages"): ("BRPOP", "execution", "1"),
    ("canaries", "enqueueing"): ("LPUSH", "validation", "x"),
    ("canaries", "unacknowledged messages"): ("HDEL", "unacked", "x"),
    ("exporter", "reading requests"): ("LRANGE", "validation", "0", "-1"),
    ("exporter", "taking messages"): ("BRPOP", "execution", "1"),
    ("exporter", "enqueueing"): ("LPUSH", "validation", "x"),
    ("exporter", "reading what is taken"): ("HGETALL", "unacked"),
    ("exporter", "the market"): ("GET", "mlrisk:market:BTCUSDT"),
    ("exporter", "answers"): ("GET", "celery-task-meta-x"),
    ("exporter", "controlling workers"): ("PUBLISH", "/0.celery.pidbox", "x"),
    ("exporter", "listing"): ("SCAN", "0"),
}


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
    for user in ("mlrisk", "console", *USER_OF_PROCESS.values()):
        with Redis.from_url(redis.embedded.url(user=user)) as ours:
            refused(partial(ours.execute_command, *FORBIDDEN[kind]))
    refused(lambda: strategy.execute_command(*FORBIDDEN[kind]))


@pytest.mark.parametrize(("user", "kind"), OTHERS)
def test_a_process_of_ours_reaches_only_what_it_works_with(
    user: str, kind: str, redis: RedisServer
) -> None:
    with Redis.from_url(redis.embedded.url(user=user)) as client:
        refused(lambda: client.execute_command(*OTHERS[user, kind]))


@pytest.mark.parametrize("user", MAY)
def test_each_user_may_do_what_its_process_does(user: str, redis: RedisServer) -> None:
    with redis.embedded.admin() as supervisor:
        told = {words: supervisor.acl_dryrun(user, *words.split(" ")) for words in MAY[user]}
    assert set(told.values()) == {b"OK"}, told


def test_every_kind_of_key_that_the_code_names_is_somebodys_of_a_process() -> None:
    """Seen: a new one was refused to the workers that need it, on a running system alone."""
    text = "".join(
        path.read_text(encoding="utf-8")
        for room in ("bot", "config", "tasks")
        for path in (ROOT / room).rglob("*.py")
    )
    named = set(re.findall(r'"mlrisk:([a-z-]+)', text))
    rules = [" ".join(rules_of(user)) for user in set(USER_OF_PROCESS.values())]
    assert {"market", "orders", "deaths", "beat"} <= named
    assert [name for name in named if not any(f"~mlrisk:{name}" in each for each in rules)] == []


def test_a_script_of_flowers_does_no_more_than_flower(redis: RedisServer) -> None:
    with Redis.from_url(redis.embedded.url(user="flower")) as client:
        enqueue = client.register_script("return redis.call('LPUSH', KEYS[1], 'x')")
        refused(partial(enqueue, ["execution"]))


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
