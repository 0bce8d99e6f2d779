"""Lengths of queues from Redis, asked with rights that read nothing else."""

from redis import Redis

from config.celery import LANES, QUEUES, STRATEGY_QUEUE
from workers.exporter import catalogue as c
from workers.exporter.metric import Figures

_UNACKED = "unacked"
_LANE = f"{STRATEGY_QUEUE}."
_PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")
"""kombu's suffixes of a queue's lists, one for each priority."""


def read(broker: Redis) -> Figures:
    """The figures of the broker. Raises RedisError when it doesn't answer."""
    lanes = [lane for lane in map(_text, broker.smembers(LANES)) if lane.startswith(_LANE)]
    lists = [f"{queue}{suffix}" for queue in QUEUES for suffix in _PRIORITIES]
    with broker.pipeline(transaction=False) as pipe:
        for name in (*lists, *lanes):
            pipe.llen(name)
        pipe.hlen(_UNACKED)
        pipe.info("memory")
        *lengths, unacked, memory = pipe.execute()
    found: Figures = {(c.QUEUED, (queue,)): (0.0,) for queue in QUEUES}
    of_lists = len(QUEUES) * len(_PRIORITIES)
    for place, length in enumerate(lengths):
        queue = QUEUES[place // len(_PRIORITIES)] if place < of_lists else STRATEGY_QUEUE
        (known,) = found[c.QUEUED, (queue,)]
        found[c.QUEUED, (queue,)] = (known + length,)
    found[c.UNACKED, ()] = (float(unacked),)
    found[c.REDIS_MEMORY, ()] = (float(memory["used_memory"]),)
    found[c.REDIS_LIMIT, ()] = (float(memory.get("maxmemory", 0)),)
    return found


def _text(name: bytes | str) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name
