"""kombu's Redis transport, which hands on no item of a queue before it was looked at.

kombu reads an item with no bound and no doubt: one that is no message ends its worker.
"""

from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from kombu.utils.json import loads

from config.celery import QUEUES
from workers.items import message_of


class Channel(redis.Channel):
    """A channel of a worker."""

    def _brpop_read(self, **options: Any) -> bool:
        """As kombu's, up to the reading of the item."""
        try:
            try:
                answer = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                # So that the next round connects again.
                self.client.connection.disconnect()
                raise
            if not answer:
                raise Empty
            destination, item = answer
            queue = destination.decode().rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            # What comes by another queue is no task: answers to what workers were asked.
            message = message_of(item, queue) if queue in QUEUES else _answer(item)
            self.connection._deliver(message, queue)
            return True
        finally:
            self._in_poll: Any = None
            self._flush_brpop_reauth()  # type: ignore[no-untyped-call]


def _answer(item: bytes) -> Any:
    """As kombu reads it: only we can write to such a queue."""
    return loads(item.decode())  # type: ignore[no-untyped-call]


class Transport(redis.Transport):
    """Of URLs that begin with redis."""

    Channel = Channel


def look_at_every_item() -> None:
    """Every connection of this process to a broker is made by this transport."""
    for alias in ("redis", "rediss"):
        TRANSPORT_ALIASES[alias] = f"{Transport.__module__}:{Transport.__qualname__}"
