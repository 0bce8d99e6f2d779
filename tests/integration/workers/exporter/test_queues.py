"""Queues are measured with their lanes and priorities, by rights that read nothing else."""

import pytest
from redis import Redis

from tests.support.services import RedisServer, refusals
from workers.exporter import catalogue as c
from workers.exporter import queues

pytestmark = pytest.mark.services


def test_queues_are_measured_with_their_lanes_and_priorities(redis: RedisServer) -> None:
    with redis.client() as ours:
        ours.lpush("validation", "a")
        ours.lpush("validation.of.x", "b", "c")
        ours.sadd("validation.lanes", "validation.of.x", "not.a.lane")
        ours.lpush("execution\x06\x163", "d")
        ours.hset("unacked", "tag", "e")
    before = refusals(redis.embedded)
    with Redis.from_url(redis.embedded.url(user="exporter")) as broker:
        figures = queues.read(broker)
    assert figures[c.QUEUED, ("validation",)] == (3.0,)
    assert figures[c.QUEUED, ("execution",)] == (1.0,)
    assert figures[c.QUEUED, ("emergency",)] == (0.0,)
    assert figures[c.UNACKED, ()] == (1.0,)
    assert figures[c.REDIS_MEMORY, ()][0] > 0
    assert refusals(redis.embedded) == before
