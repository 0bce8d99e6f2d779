"""What workers answer to each other comes by queues that hold no tasks."""

from uuid import uuid4

import pytest
from kombu import Connection, transport

from tests.support.services import RedisServer
from workers.celery.transport import Transport, look_at_every_item

pytestmark = pytest.mark.services


def test_an_answer_comes_through_the_transport_that_looks_at_tasks(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: it was refused as a message without a task, and the worker that had asked ended."""
    for alias in ("redis", "rediss"):
        monkeypatch.setitem(transport.TRANSPORT_ALIASES, alias, "")
    monkeypatch.setattr(transport, "_transport_cache", {})
    look_at_every_item()
    with Connection(redis.url()) as connection:
        assert isinstance(connection.transport, Transport)
        answers = connection.SimpleQueue(f"{uuid4()}.reply.celery.pidbox", serializer="json")
        answers.put({"execution@vm": {"ok": "pong"}})
        assert answers.get(timeout=20).payload == {"execution@vm": {"ok": "pong"}}
        answers.queue.delete()
        answers.close()
