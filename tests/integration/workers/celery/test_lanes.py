"""The door serves strategies in turn, and loses nothing of what it puts into lanes."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from typing import Any
from uuid import uuid4

import pytest
from kombu import Connection, Consumer, Queue, transport
from redis import Redis
from sqlalchemy import select

from bot.clock import SystemClock
from bot.decision.signing import Signature, Signatures
from bot.execution.sending.sender import SendResult
from config.celery import LANES, OUR_LANE, STRATEGY_QUEUE
from models.tables import TradeRequestRow
from tests.support.desk import Desk
from tests.support.services import RedisServer
from tests.support.statements import statements
from tests.unit.workers.celery.test_lanes import MASTER, item, proven, request
from workers.celery import lanes
from workers.celery.lanes import MAX_LANES, NOBODYS_LANE, Turns
from workers.celery.transport import Channel, look_at_every_item

pytestmark = pytest.mark.services


@pytest.fixture
def broker(redis: RedisServer) -> Iterator[Redis]:
    with redis.client(0) as client:
        yield client
        for pattern in (f"{STRATEGY_QUEUE}*", "unacked*"):
            client.delete(LANES, *client.scan_iter(pattern))


@pytest.fixture
def connection(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """As a worker's: our transport."""
    for alias in ("redis", "rediss"):
        monkeypatch.setitem(transport.TRANSPORT_ALIASES, alias, "")
    monkeypatch.setattr(transport, "_transport_cache", {})
    look_at_every_item()
    with Connection(redis.url()) as found:
        yield found


def put(
    broker: Redis, strategy: str, count: int = 1, *, exits: bool = False, key: str = STRATEGY_QUEUE
) -> None:
    """Messages of a strategy, each with an id that says which it is."""
    sent = [
        item(request(strategy, exits=exits), id=f"{strategy}-{'exit-' * exits}{number}")
        for number in range(count)
    ]
    for start in range(0, count, 1000):
        broker.lpush(key, *sent[start : start + 1000])


def taken(connection: Connection) -> Iterator[str]:
    """The ids of the messages as a worker with room for one takes and acknowledges them."""
    found: list[Any] = []
    channel = connection.channel()
    consumer = Consumer(
        channel, [Queue(STRATEGY_QUEUE)], on_message=found.append, auto_declare=False
    )
    consumer.qos(prefetch_count=1)
    consumer.consume()
    while True:
        while not found:
            connection.drain_events(timeout=20)
        message = found.pop()
        yield str(message.headers["id"])
        message.ack()


def waiting(broker: Redis) -> Counter[str]:
    """Every message that is anywhere, by its id."""
    keys = [STRATEGY_QUEUE.encode(), *broker.smembers(LANES)]
    raw = [one for key in keys for one in broker.lrange(key, 0, -1)]
    raw += [json.dumps(json.loads(one)[0]).encode() for one in broker.hvals("unacked")]
    return Counter(json.loads(one)["headers"]["id"] for one in raw)


def test_one_message_does_not_wait_for_another_strategys_20_000(
    broker: Redis, connection: Connection
) -> None:
    """Seen: first in, first out. Each message took its time to be decided, and B's came last."""
    put(broker, "a", 20_000)
    put(broker, "b")
    before = list(takewhile(lambda task: task != "b-0", taken(connection)))
    assert before == [f"a-{number}" for number in range(len(before))]
    assert len(before) < 200


def test_an_exit_does_not_wait_for_its_own_strategys_entries(
    broker: Redis, connection: Connection
) -> None:
    put(broker, "a", 1_000)
    put(broker, "a", exits=True)
    found = taken(connection)
    assert "a-exit-0" in [next(found) for _ in range(3)]


def test_strategies_are_served_in_turn_and_each_in_its_own_order(
    broker: Redis, connection: Connection
) -> None:
    put(broker, "a", 40)
    put(broker, "b", 20, key=f"{STRATEGY_QUEUE}\x06\x163")
    put(broker, "c", 20)
    found = taken(connection)
    served = [next(found) for _ in range(80)]
    for name, count in (("a", 40), ("b", 20), ("c", 20)):
        assert [s for s in served if s.startswith(name)] == [f"{name}-{n}" for n in range(count)]
    first = Counter(task[0] for task in served[:30])
    assert first == {"a": 10, "b": 10, "c": 10}


def test_a_worker_that_ends_with_messages_in_lanes_loses_none(
    broker: Redis, redis: RedisServer, connection: Connection
) -> None:
    """Only what it was given is unacknowledged; the rest is the next worker's."""
    put(broker, "a", 300)
    put(broker, "b", 3)
    everything = waiting(broker)
    found = taken(connection)
    assert [next(found) for _ in range(4)] == ["a-0", "b-0", "a-1", "b-1"]
    # As after kill -9: nothing of it is asked any more. Two were acknowledged and one is held.
    left = waiting(broker)
    assert left == everything - Counter(["a-0", "b-0", "a-1"])
    with Connection(redis.url()) as another:
        rest = taken(another)
        served = [next(rest) for _ in range(sum(left.values()) - 1)]
    assert Counter(served) == left - Counter(["b-1"])


def test_many_workers_that_sort_at_once_move_each_message_once_and_in_order(
    broker: Redis, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(broker, "a", 600)
    put(broker, "b", 600)
    everything = waiting(broker)
    monkeypatch.setattr(lanes, "AT_LEAST", 100)
    monkeypatch.setattr(lanes, "SORTING_SECONDS", 0)

    def sort() -> None:
        turns = Turns()
        with redis.client(0) as client:
            while client.llen(STRATEGY_QUEUE):
                turns.next(client, [STRATEGY_QUEUE])

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(sort) for _ in range(4)]:
            each.result(60)
    assert waiting(broker) == everything
    for name in "ab":
        ids = [
            json.loads(raw)["headers"]["id"]
            for raw in broker.lrange(f"{STRATEGY_QUEUE}.of.{name}", 0, -1)
        ]
        assert ids[::-1] == [f"{name}-{number}" for number in range(600)]


def test_what_was_taken_before_goes_first_in_its_lane(broker: Redis) -> None:
    put(broker, "a", 3)
    broker.rpush(STRATEGY_QUEUE, item(request("a"), id="again", redelivered=True))
    Turns().next(broker, [STRATEGY_QUEUE])
    ids = [
        json.loads(raw)["headers"]["id"] for raw in broker.lrange(f"{STRATEGY_QUEUE}.of.a", 0, -1)
    ]
    assert ids[::-1] == ["again", "a-0", "a-1", "a-2"]


def test_a_lane_that_can_t_be_written_keeps_no_message_from_its_worker(
    broker: Redis, connection: Connection
) -> None:
    broker.set(f"{STRATEGY_QUEUE}.of.a", "not a list")
    put(broker, "a", 3)
    found = taken(connection)
    assert [next(found) for _ in range(3)] == ["a-0", "a-1", "a-2"]


def test_what_names_the_lanes_can_t_be_lost_without_what_is_in_them(
    broker: Redis, connection: Connection
) -> None:
    """Nobody looks into a lane without a name: an item goes there when it has one."""
    broker.set(LANES, "not a set")
    put(broker, "a", 3)
    Turns().next(broker, [STRATEGY_QUEUE])
    assert (broker.llen(STRATEGY_QUEUE), broker.exists(f"{STRATEGY_QUEUE}.of.a")) == (3, 0)
    found = taken(connection)
    assert [next(found) for _ in range(3)] == ["a-0", "a-1", "a-2"]


def test_names_without_end_share_one_lane(broker: Redis) -> None:
    for _ in range(MAX_LANES + 20):
        put(broker, uuid4().hex)
    put(broker, "a", 2)
    # Our own never wait among them.
    broker.lpush(STRATEGY_QUEUE, item("r-1", task="tasks.validation.validate_stored"))
    turns = Turns()
    found = turns.next(broker, [STRATEGY_QUEUE])
    assert len(found) == MAX_LANES + 2
    assert (broker.llen(NOBODYS_LANE), broker.llen(OUR_LANE)) == (22, 1)
    assert turns.next(broker, [STRATEGY_QUEUE]) == found
    broker.delete(*found)
    assert turns.next(broker, [STRATEGY_QUEUE]) == []
    assert not broker.exists(LANES)


class Counted(Signatures):
    """Counts its proofs, each of which costs more than all else that sorting does."""

    proofs = 0

    def check(self, task: str, text: object, header: object) -> Signature:
        self.proofs += 1
        return super().check(task, text, header)


@pytest.fixture
def keys(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Keys of messages are on."""
    found = Counted(MASTER, SystemClock(), {})
    monkeypatch.setattr(Channel, "signatures", found)
    return found


def send(broker: Redis, sender: str, count: int = 1, *, as_if: str | None = None) -> None:
    """Signed messages of a sender, who may name another as if it were his."""
    name = as_if or sender
    sent = [proven(name, signer=sender, id=f"{sender}-as-{name}-{n}") for n in range(count)]
    for start in range(0, count, 1000):
        broker.lpush(STRATEGY_QUEUE, *sent[start : start + 1000])


def test_of_a_flood_only_what_is_served_is_proven(
    broker: Redis, connection: Connection, keys: Counted
) -> None:
    """Seen: all 20,000 were proven before the message behind them had its turn, for 2.6 s."""
    send(broker, "a", 20_000)
    send(broker, "b")
    before = list(takewhile(lambda task: task != "b-as-b-0", taken(connection)))
    assert len(before) < 200
    assert keys.proofs <= 2 * len(before) + 10


def test_nobody_fills_the_lane_of_another(
    broker: Redis, connection: Connection, keys: Counted
) -> None:
    """A name in a message costs nothing: without its proof nothing has a turn by it."""
    send(broker, "b", 2)
    send(broker, "a", 1_000, as_if="b")
    send(broker, "b", 2)
    send(broker, "c", 3)
    found = taken(connection)
    served = [next(found) for _ in range(12)]
    own = [name for name in served if name[0] in "bc"]
    assert sorted(own) == [
        "b-as-b-0",
        "b-as-b-0",
        "b-as-b-1",
        "b-as-b-1",
        *(f"c-as-c-{n}" for n in range(3)),
    ]
    assert broker.llen(NOBODYS_LANE) + len(served) - len(own) >= 998


def test_a_name_without_a_proof_makes_no_lane(
    broker: Redis, connection: Connection, keys: Counted
) -> None:
    """Else made-up names would use up the lanes that there may be."""
    for n in range(MAX_LANES + 1):
        send(broker, "a", as_if=f"made-up-{n}")
    send(broker, "b")
    found = taken(connection)
    assert "b-as-b-0" in [next(found) for _ in range(2)]
    assert broker.smembers(LANES) <= {NOBODYS_LANE.encode(), f"{STRATEGY_QUEUE}.of.b".encode()}


def test_a_lane_that_others_filled_is_proven_in_parts(
    broker: Redis, connection: Connection, keys: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much waits in it, the others' turns come."""
    monkeypatch.setattr(lanes, "MOST_PROOFS", 100)
    send(broker, "b")
    send(broker, "c", 3)
    Turns(keys).next(broker, [STRATEGY_QUEUE])
    broker.rpush(
        f"{STRATEGY_QUEUE}.of.b", *[proven("b", signer="a", id=f"false-{n}") for n in range(500)]
    )
    keys.proofs = 0
    found = taken(connection)
    served = [next(found) for _ in range(12)]
    assert [name for name in served if name[0] == "c"] == [f"c-as-c-{n}" for n in range(3)]
    assert "b-as-b-0" in served
    assert keys.proofs <= 12 * (100 + lanes._PROOFS_AT_ONCE)


def ask_for(broker: Redis, asked: list[dict[str, Any]]) -> None:
    """Requests as their strategies send them."""
    for start in range(0, len(asked), 1000):
        sent = [item(each, id=each["request_id"]) for each in asked[start : start + 1000]]
        broker.lpush(STRATEGY_QUEUE, *sent)


def decided(desk: Desk, connection: Connection, count: int) -> list[dict[str, Any]]:
    """The outcomes of the next messages; each is decided and then acknowledged."""
    found: list[Any] = []
    channel = connection.channel()
    consumer = Consumer(
        channel, [Queue(STRATEGY_QUEUE)], on_message=found.append, auto_declare=False
    )
    consumer.qos(prefetch_count=1)
    consumer.consume()
    outcomes = []
    while len(outcomes) < count:
        while not found:
            connection.drain_events(timeout=20)
        message = found.pop()
        outcomes.append(desk.approval.validate_and_execute(message.payload[0][0]))
        message.ack()
    channel.close()
    return outcomes


def test_a_halt_takes_no_longer_for_what_waits_and_lets_none_of_it_through(
    desk: Desk, broker: Redis, connection: Connection
) -> None:
    """20,000 messages wait, in lanes and before them."""
    desk.approve_twap("r-before")
    with statements(desk.db) as alone:
        desk.trading_halt.halt(reason="once", actor="test")
    desk.trading_halt.resume(reason="again", actor="test", development=True)
    desk.approve_twap("r-under-way")
    model = desk.request()
    flood = [{**model, "request_id": f"r-{number}"} for number in range(20_000)]
    ask_for(broker, flood)
    (first,) = decided(desk, connection, 1)
    assert first["verdict"] == "allow"
    with statements(desk.db) as halting:
        report = desk.trading_halt.halt(reason="now", actor="test")
    assert (report.sealed_at, report.problems) == (desk.clock.now(), ())
    # Of two parents, the one just decided and the one under way, not of what waits.
    assert len(halting) <= len(alone) + 10
    later = decided(desk, connection, 20)
    assert {outcome["verdict"] for outcome in later} == {"deny"}
    assert {tuple(outcome["reasons"]) for outcome in later} == {("emergency_stop_active",)}
    assert set(desk.send_due()) <= {SendResult.STOPPED}
    assert desk.exchange.posts == 0


def test_what_a_flushall_takes_from_full_lanes_may_be_asked_again_and_nothing_runs_twice(
    desk: Desk, broker: Redis, redis: RedisServer, connection: Connection
) -> None:
    """A message in Redis is a question that nobody has answered: its sender has no outcome of it,
    the database has no row of it, and its id is free."""
    desk.limits.change(max_repeated_orders=1000)
    model = desk.request(signal_data={"position_size": "100"})
    asked = [{**model, "request_id": f"r-{number}"} for number in range(30)]
    ask_for(broker, asked)
    answered = {str(each["request_id"]): each for each in decided(desk, connection, 5)}
    redis.flushall()
    with desk.db.reading() as session:
        known = set(session.scalars(select(TradeRequestRow.request_id)))
    assert known == set(answered)
    ask_for(broker, asked)
    again = {str(each["request_id"]): each for each in decided(desk, connection, 30)}
    assert {name: again[name]["verdict"] for name in answered} == {
        name: each["verdict"] for name, each in answered.items()
    }
    assert set(again) == {each["request_id"] for each in asked}
    assert len(desk.children()) == 30, "one of each, although five were asked for twice"
    assert set(desk.send_due()) == {SendResult.SENT}
    assert desk.exchange.posts == 30


def test_a_restart_of_redis_keeps_what_waits_in_full_lanes(
    broker: Redis, redis: RedisServer, connection: Connection
) -> None:
    put(broker, "a", 1_000)
    put(broker, "b", 3)
    found = taken(connection)
    assert [next(found) for _ in range(4)] == ["a-0", "b-0", "a-1", "b-1"]
    before = waiting(broker)
    redis.wait_until_logged()
    redis.kill()
    redis.start()
    with redis.client(0) as client:
        assert waiting(client) == before
        assert client.smembers(LANES) == {f"{STRATEGY_QUEUE}.of.{name}".encode() for name in "ab"}
    with Connection(redis.url()) as another:
        rest = taken(another)
        served = [next(rest) for _ in range(4)]
    assert [name for name in served if name[0] == "a"] == ["a-2", "a-3", "a-4"]
