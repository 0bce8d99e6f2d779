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

from bot.clock import SystemClock
from bot.decision.signing import Signature, Signatures
from config.celery import DOOR, LANES, OUR_LANE
from tests.support.services import RedisServer
from tests.unit.workers.celery.test_lanes import MASTER, item, proven, request
from workers.celery import lanes
from workers.celery.lanes import MAX_LANES, NOBODYS_LANE, Turns
from workers.celery.transport import Channel, look_at_every_item

pytestmark = pytest.mark.services


@pytest.fixture
def broker(redis: RedisServer) -> Iterator[Redis]:
    with redis.client(0) as client:
        yield client
        for pattern in (f"{DOOR}*", "unacked*"):
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
    broker: Redis, strategy: str, count: int = 1, *, exits: bool = False, key: str = DOOR
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
    consumer = Consumer(channel, [Queue(DOOR)], on_message=found.append, auto_declare=False)
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
    keys = [DOOR.encode(), *broker.smembers(LANES)]
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
    put(broker, "b", 20, key=f"{DOOR}\x06\x163")
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
            while client.llen(DOOR):
                turns.next(client, [DOOR])

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(sort) for _ in range(4)]:
            each.result(60)
    assert waiting(broker) == everything
    for name in "ab":
        ids = [
            json.loads(raw)["headers"]["id"] for raw in broker.lrange(f"{DOOR}.of.{name}", 0, -1)
        ]
        assert ids[::-1] == [f"{name}-{number}" for number in range(600)]


def test_what_was_taken_before_goes_first_in_its_lane(broker: Redis) -> None:
    put(broker, "a", 3)
    broker.rpush(DOOR, item(request("a"), id="again", redelivered=True))
    Turns().next(broker, [DOOR])
    ids = [json.loads(raw)["headers"]["id"] for raw in broker.lrange(f"{DOOR}.of.a", 0, -1)]
    assert ids[::-1] == ["again", "a-0", "a-1", "a-2"]


def test_a_lane_that_can_t_be_written_keeps_no_message_from_its_worker(
    broker: Redis, connection: Connection
) -> None:
    broker.set(f"{DOOR}.of.a", "not a list")
    put(broker, "a", 3)
    found = taken(connection)
    assert [next(found) for _ in range(3)] == ["a-0", "a-1", "a-2"]


def test_what_names_the_lanes_can_t_be_lost_without_what_is_in_them(
    broker: Redis, connection: Connection
) -> None:
    """Nobody looks into a lane without a name: an item goes there when it has one."""
    broker.set(LANES, "not a set")
    put(broker, "a", 3)
    Turns().next(broker, [DOOR])
    assert (broker.llen(DOOR), broker.exists(f"{DOOR}.of.a")) == (3, 0)
    found = taken(connection)
    assert [next(found) for _ in range(3)] == ["a-0", "a-1", "a-2"]


def test_names_without_end_share_one_lane(broker: Redis) -> None:
    for _ in range(MAX_LANES + 20):
        put(broker, uuid4().hex)
    put(broker, "a", 2)
    # Our own never wait among them.
    broker.lpush(DOOR, item("r-1", task="tasks.validation.validate_stored"))
    turns = Turns()
    found = turns.next(broker, [DOOR])
    assert len(found) == MAX_LANES + 2
    assert (broker.llen(NOBODYS_LANE), broker.llen(OUR_LANE)) == (22, 1)
    assert turns.next(broker, [DOOR]) == found
    broker.delete(*found)
    assert turns.next(broker, [DOOR]) == []
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
        broker.lpush(DOOR, *sent[start : start + 1000])


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
    assert broker.smembers(LANES) <= {NOBODYS_LANE.encode(), f"{DOOR}.of.b".encode()}


def test_a_lane_that_others_filled_is_proven_in_parts(
    broker: Redis, connection: Connection, keys: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much waits in it, the others' turns come."""
    monkeypatch.setattr(lanes, "MOST_PROOFS", 100)
    send(broker, "b")
    send(broker, "c", 3)
    Turns(keys).next(broker, [DOOR])
    broker.rpush(f"{DOOR}.of.b", *[proven("b", signer="a", id=f"false-{n}") for n in range(500)])
    keys.proofs = 0
    found = taken(connection)
    served = [next(found) for _ in range(12)]
    assert [name for name in served if name[0] == "c"] == [f"c-as-c-{n}" for n in range(3)]
    assert "b-as-b-0" in served
    assert keys.proofs <= 12 * (100 + lanes._AT_ONCE)
