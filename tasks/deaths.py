"""How often a message has killed the process that worked it, as far as that is known for sure.

The count lies in Redis beside the messages: who empties Redis takes both. It is kept by what a
message says, so that nobody counts deaths against another's.
"""

import hashlib
from typing import Any

from celery import Celery
from redis import Redis

_KEY = "mlrisk:deaths:"
_KEPT_SECONDS = 7 * 24 * 3600
"""Longer than any message waits."""


class Deaths:
    """Counts the deaths of messages. Every call raises RedisError where Redis is away."""

    def __init__(self, app: Celery) -> None:
        self._redis: Redis = app.backend.client

    def add(self, task: str, body: str) -> int:
        """Counts one more; returns how many there are."""
        key = _key(task, body)
        with self._redis.pipeline() as both:
            both.incr(key)
            both.expire(key, _KEPT_SECONDS)
            answers: list[Any] = both.execute()
        return int(answers[0])

    def of(self, task: str, body: str) -> int:
        """The number of processes that this message has killed for sure."""
        return int(self._redis.get(_key(task, body)) or 0)

    def forget(self, task: str, body: str) -> None:
        """What was set aside begins anew when it is released."""
        self._redis.delete(_key(task, body))


def _key(task: str, body: str) -> str:
    said = f"{task}\n{body}".encode("utf-8", "surrogatepass")
    return _KEY + hashlib.sha256(said).hexdigest()
