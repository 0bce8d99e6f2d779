"""What is moved is what was read, in its order, and nothing else."""

from collections.abc import Iterator
from typing import cast

import pytest
from redis import Redis

from tests.support.services import RedisServer
from workers.celery import moving
from workers.celery.moving import Move

pytestmark = pytest.mark.services

KEY, KNOWN = "moving", "moving.known"


@pytest.fixture
def client(redis: RedisServer) -> Iterator[Redis]:
    with redis.client() as found:
        yield found


def put(client: Redis, *items: bytes) -> None:
    """The first is the oldest."""
    client.lpush(KEY, *items)


def moves(items: list[bytes], lane: str, side: str = "LEFT") -> list[Move]:
    return [Move(item, lane, side) for item in items]


def content(client: Redis, key: str) -> list[bytes]:
    """The oldest first."""
    return cast(list[bytes], client.lrange(key, 0, -1))[::-1]


@pytest.mark.parametrize("items", [[], [b""], [b"a b", b"", b"\xff\x00", b"5:a"]])
def test_items_of_any_bytes_are_read_as_they_are(client: Redis, items: list[bytes]) -> None:
    if items:
        put(client, *items)
    assert moving.oldest(client, KEY, 10) == items


def test_no_more_is_read_than_asked_for_and_than_fits(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, b"large" * 10, b"a", b"b", b"c")
    assert moving.oldest(client, KEY, 2) == [b"large" * 10, b"a"]
    monkeypatch.setattr(moving, "AT_ONCE", 3)
    assert moving.oldest(client, KEY, 10) == [b"large" * 10, b"a", b"b"]
    monkeypatch.setattr(moving, "BYTES_AT_ONCE", 51)
    assert moving.oldest(client, KEY, 10) == [b"large" * 10, b"a"]
    monkeypatch.setattr(moving, "BYTES_AT_ONCE", 1)
    assert moving.oldest(client, KEY, 10) == [b"large" * 10]


def test_items_keep_their_order_and_those_that_come_again_go_first(client: Redis) -> None:
    put(client, b"1", b"2", b"3", b"4", b"5")
    client.lpush("one", b"0")
    wanted = [*moves([b"1", b"2"], "one"), *moves([b"3"], "two"), *moves([b"4"], "one", "RIGHT")]
    assert moving.move(client, KEY, KNOWN, wanted) == 4
    assert content(client, "one") == [b"4", b"0", b"1", b"2"]
    assert content(client, "two") == [b"3"]
    assert content(client, KEY) == [b"5"]
    assert client.smembers(KNOWN) == {b"one", b"two"}


@pytest.mark.parametrize(
    ("there", "moved"),
    [
        ((b"2", b"3", b"4"), 0),  # another worker took the oldest
        ((b"1", b"x", b"3", b"4"), 0),  # not all of a run are as they were read
        ((b"1", b"2", b"x", b"4"), 2),
        ((b"12", b"3", b"4"), 0),
        ((b"1", b"2"), 2),
        ((), 0),
    ],
)
def test_what_is_no_longer_as_it_was_read_stays(
    client: Redis, there: tuple[bytes, ...], moved: int
) -> None:
    if there:
        put(client, *there)
    wanted = [*moves([b"1", b"2"], "one"), *moves([b"3", b"4"], "two")]
    assert moving.move(client, KEY, KNOWN, wanted) == moved
    assert content(client, KEY) == list(there[moved:])
    assert content(client, "one") == list(there[:moved])
    assert content(client, "two") == []
