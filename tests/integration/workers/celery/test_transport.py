"""The transport of workers: answers of other queues, and acknowledgements that Redis refuses."""

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from kombu import Connection, Consumer, Queue, transport
from redis import Redis
from redis._parsers.base import BaseParser

from tasks.monitoring import CANARY_TASK
from tests.support.processes.full_disk import with_room, without_room
from tests.support.services import RedisServer, redis_server
from tests.unit.workers.celery.test_items import good
from workers.celery import refused_writes
from workers.celery.transport import Transport, look_at_every_item

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

QUEUE = "dispatch"
log = logging.getLogger(__name__)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture(autouse=True)
def our_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections of this process are as a worker's."""
    for alias in ("redis", "rediss"):
        monkeypatch.setitem(transport.TRANSPORT_ALIASES, alias, "")
    monkeypatch.setattr(transport, "_transport_cache", {})
    monkeypatch.setattr(BaseParser, "EXCEPTION_CLASSES", dict(BaseParser.EXCEPTION_CLASSES))
    look_at_every_item()
    refused_writes.count_as_away()


def test_an_answer_comes_through_the_transport_that_looks_at_tasks(redis: RedisServer) -> None:
    """Seen: it was refused as a message without a task, and the worker that had asked ended."""
    with Connection(redis.url()) as connection:
        assert isinstance(connection.transport, Transport)
        answers = connection.SimpleQueue(f"{uuid4()}.reply.celery.pidbox", serializer="json")
        answers.put({"execution@vm": {"ok": "pong"}})
        assert answers.get(timeout=20).payload == {"execution@vm": {"ok": "pong"}}
        answers.queue.delete()
        answers.close()


def test_a_message_whose_end_redis_refuses_takes_no_place_from_the_next(
    server: RedisServer,
) -> None:
    """Seen after a full disk: a worker with one place took nothing more, and answered pings."""
    with Connection(server.url()) as connection, server.client() as broker:
        put(broker, "first", "second")
        messages = taken(connection)
        first = next(messages)
        without_room(server)
        first.ack_log_error(log, connection.connection_errors)
        with_room(server)
        second = next(messages)
        assert (first.headers["id"], second.headers["id"]) == ("first", "second")
        second.ack()
        first.channel.qos.restore_visible()  # each worker's timer calls it
        assert broker.hlen("unacked") == broker.zcard("unacked_index") == 0


def test_a_message_that_can_not_be_given_back_is_given_back_later(server: RedisServer) -> None:
    with Connection(server.url()) as connection:
        with server.client() as broker:
            put(broker, "first")
        first = next(taken(connection))
        server.kill()
        first.reject_log_error(log, connection.connection_errors, requeue=True)
        qos = first.channel.qos
        assert qos.can_consume()
        server.start()
        qos.restore_visible()
        with server.client() as broker:
            assert broker.llen(QUEUE) == 1
            assert broker.hlen("unacked") == broker.zcard("unacked_index") == 0


def test_giving_back_ends_while_redis_refuses_writes_and_is_done_when_there_is_room(
    server: RedisServer,
) -> None:
    """Seen on a full disk: the worker began the same transaction again and again, without an
    end."""
    with Connection(server.url()) as connection, server.client() as broker:
        put(broker, "first")
        first = next(taken(connection))
        without_room(server)
        with pytest.raises(refused_writes.WritesRefusedError):
            first.reject(requeue=True)
        qos = first.channel.qos
        assert qos.can_consume()
        with pytest.raises(refused_writes.WritesRefusedError):
            qos.restore_visible()
        with_room(server)
        qos.restore_visible()
        assert broker.llen(QUEUE) == 1
        assert broker.hlen("unacked") == broker.zcard("unacked_index") == 0


def test_a_transaction_begins_anew_when_another_changes_what_it_watches(
    server: RedisServer,
) -> None:
    with Connection(server.url()) as connection, server.client() as broker:
        client = connection.channel().client
        seen = []

        def one_more(pipe: Any) -> None:
            seen.append(int(pipe.get("count") or 0))
            if len(seen) < 3:
                broker.incr("count", 10)
            pipe.multi()
            pipe.set("count", seen[-1] + 1)

        client.transaction(one_more, "count")
        assert seen == [0, 10, 20]
        assert broker.get("count") == b"21"


def put(broker: Redis, *ids: str) -> None:
    for name in ids:
        broker.lpush(QUEUE, json.dumps(good(task=CANARY_TASK, id=name)))


def taken(connection: Connection) -> Iterator[Any]:
    """The messages as a worker with one place takes them. Each waits until the place is free."""
    found: list[Any] = []
    channel = connection.channel()
    consumer = Consumer(channel, [Queue(QUEUE)], on_message=found.append, auto_declare=False)
    consumer.qos(prefetch_count=1)
    consumer.consume()
    while True:
        while not found:
            connection.drain_events(timeout=20)
        yield found.pop()
