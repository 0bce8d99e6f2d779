"""Items of a list are moved in batches, and what others do to the list meanwhile loses none."""

from collections.abc import Iterator, Sequence

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from tests.support.services import RedisServer
from tests.support.waiting import eventually
from workers.celery import moving
from workers.celery.moving import AT_ONCE, Move

pytestmark = pytest.mark.services

QUEUE, KNOWN, EVEN, ODD = "moving", "moving.known", "moving.even", "moving.odd"
ITEMS = [f"item {number}".encode() for number in range(3 * AT_ONCE + 7)]


@pytest.fixture
def broker(redis: RedisServer) -> Iterator[Redis]:
    with redis.client(0) as client:
        client.lpush(QUEUE, *ITEMS)
        yield client
        client.delete(QUEUE, KNOWN, EVEN, ODD)


def apart(items: Sequence[bytes]) -> list[Move]:
    return [Move(item, ODD if int(item[-1:]) % 2 else EVEN, "LEFT") for item in items]


def held(broker: Redis, key: str) -> list[bytes]:
    """The items of a list, the oldest first."""
    return broker.lrange(key, 0, -1)[::-1]


def always(*_: int) -> bool:
    return True


def test_every_item_is_moved_once_and_keeps_its_place(broker: Redis) -> None:
    moved = list(moving.move_all(broker, QUEUE, KNOWN, apart, always))
    assert [each.item for each in moved] == ITEMS
    assert broker.llen(QUEUE) == 0
    assert held(broker, EVEN) == [item for item in ITEMS if int(item[-1:]) % 2 == 0]
    assert held(broker, ODD) == [item for item in ITEMS if int(item[-1:]) % 2]
    assert broker.smembers(KNOWN) == {EVEN.encode(), ODD.encode()}


def test_nothing_is_read_any_more_when_the_time_is_over(broker: Redis) -> None:
    asked = []

    def once(number: int, size: int) -> bool:
        asked.append((number, size))
        return len(asked) < 2

    moved = list(moving.move_all(broker, QUEUE, KNOWN, apart, once))
    assert [each.item for each in moved] == ITEMS[: 2 * AT_ONCE]
    assert held(broker, QUEUE) == ITEMS[2 * AT_ONCE :]
    assert [number for number, _ in asked] == [AT_ONCE, 2 * AT_ONCE]
    assert asked[1][1] == sum(map(len, ITEMS[: 2 * AT_ONCE]))


def test_redis_works_while_a_batch_is_judged(broker: Redis) -> None:
    """The batch before is moved meanwhile: its moves were asked for and not waited for."""
    batches = []

    def judge(items: list[bytes]) -> list[Move]:
        before = AT_ONCE * len(batches)
        eventually(lambda: broker.llen(QUEUE) == len(ITEMS) - before, "the move of the last batch")
        batches.append(items)
        return apart(items)

    list(moving.move_all(broker, QUEUE, KNOWN, judge, always))
    assert [item for items in batches for item in items] == ITEMS


@pytest.mark.parametrize("batch", [0, 1, 2])
def test_what_another_takes_is_not_moved_and_nothing_takes_its_place(
    broker: Redis, batch: int
) -> None:
    """Another worker takes the oldest while this one judges, and later gives one back."""
    taken: list[bytes] = []
    judged = []

    def judge(items: list[bytes]) -> list[Move]:
        judged.append(items)
        if len(judged) == batch + 1:
            # Else it would be an item of the batch before, which is on its way.
            eventually(lambda: broker.llen(QUEUE) == len(ITEMS) - AT_ONCE * batch, "that move")
            taken.extend(broker.rpop(QUEUE, 3))
            broker.rpush(QUEUE, "given back")
        return apart(items)

    moved = [each.item for each in moving.move_all(broker, QUEUE, KNOWN, judge, always)]
    assert moved == ITEMS[: AT_ONCE * batch]
    assert held(broker, QUEUE) == [b"given back", *ITEMS[AT_ONCE * batch + 3 :]]
    assert taken == ITEMS[AT_ONCE * batch : AT_ONCE * batch + 3]
    assert sorted(held(broker, EVEN) + held(broker, ODD)) == sorted(moved)


def test_a_refused_move_keeps_the_items_and_no_answer_reaches_the_next_question(
    broker: Redis,
) -> None:
    broker.set(ODD, "no list")
    with pytest.raises(ResponseError):
        list(moving.move_all(broker, QUEUE, KNOWN, apart, always))
    assert [*held(broker, EVEN), *held(broker, QUEUE)] == ITEMS
    assert broker.ping()
    assert broker.get(ODD) == b"no list"


def test_items_together_are_no_larger_than_their_bound(
    broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "BYTES_AT_ONCE", 100)
    first = moving.oldest(broker, QUEUE, 50)
    assert first == ITEMS[: len(first)]
    assert sum(map(len, first)) <= 100 < sum(map(len, ITEMS[: len(first) + 1]))
    broker.rpush(QUEUE, b"x" * 200)
    assert moving.oldest(broker, QUEUE, 50) == [b"x" * 200]
    assert moving.oldest(broker, "nothing", 50) == []
