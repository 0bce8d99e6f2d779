"""Counts the processes that each message has killed for sure.

The counts are in Redis beside the messages, so that emptying Redis removes both. The key is a hash
of the message's task and body, so that one message's deaths never count for another.
"""

import hashlib
from typing import Any

from celery import Celery
from redis import Redis

_KEY = "mlrisk:deaths:"
_KEPT_SECONDS = 7 * 24 * 3600
"""The time for which a count is kept, in seconds: longer than any message waits."""


class Deaths:
    """Counts the deaths that messages cause. Every call raises RedisError when Redis is away."""

    def __init__(self, app: Celery) -> None:
        self._redis: Redis = app.backend.client

    def add(self, task: str, body: str) -> int:
        """Counts one more death; returns the new count."""
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
        """Removes the count. A message that was set aside starts at zero when it is released."""
        self._redis.delete(_key(task, body))


def _key(task: str, body: str) -> str:
    said = f"{task}\n{body}".encode("utf-8", "surrogatepass")
    return _KEY + hashlib.sha256(said).hexdigest()
