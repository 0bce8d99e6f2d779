"""kombu's Redis transport, with every item checked first and strategies served in turn.

kombu reads an item without bounds: an item that is no message ends its worker. kombu also takes the
oldest item of a queue, so that 20,000 items of one strategy would delay all others. kombu keeps a
message's place in the worker when Redis refuses its acknowledgement. And the Redis client gives a
message back for ever while Redis refuses that.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from queue import Empty
from time import monotonic
from typing import Any, ClassVar

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from kombu.utils.json import loads
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.exceptions import WatchError

from bot.decision.signing import Signatures
from config.celery import QUEUES, STRATEGY_QUEUE
from workers.celery.items import message_of
from workers.celery.lanes import Turns, is_lane

TAKEN: Counter[str] = Counter()
"""The number of messages that this process has taken, by queue."""


class Client(Redis):
    """A client whose transactions end when Redis refuses them or is away.

    The client of redis-py takes a lost connection for a change of what the transaction watches, and
    begins anew without a pause and without an end. A refusal of every write counts as a lost
    connection, so that a worker would be busy with one message until there is room on the disk.
    """

    def transaction(
        self, func: Callable[[Any], Any], *watches: Any, **named: Any
    ) -> list[Any] | Any | None:
        """Calls `func` with a pipeline and executes it, again whenever another client changes what
        is watched. Raises the error of a Redis that refuses or is away."""
        if named:
            raise TypeError(f"a transaction takes no {', '.join(named)} here")
        with self.pipeline(transaction=True) as pipe:
            while True:
                try:
                    pipe.watch(*watches)  # type: ignore[no-untyped-call]
                    func(pipe)
                    return pipe.execute()
                except WatchError as error:
                    if isinstance(error.__context__, RedisConnectionError | RedisTimeoutError):
                        raise error.__context__ from None


class QoS(redis.QoS):
    """The messages that a worker has taken and not settled: neither acknowledged nor given back.

    A worker takes only as many messages as it has places. Redis may refuse to settle a message, for
    instance on a full disk. Celery logs that and goes on with the same connection. With the place
    of the message kept as well, such a worker would take nothing any more, and would still answer
    pings. The place is therefore free in any case, and the message is settled later.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)  # type: ignore[no-untyped-call]
        self._owed: dict[str, Callable[[], None]] = {}

    def ack(self, delivery_tag: str) -> None:
        """Acknowledges a message. Raises the error of a Redis that refuses."""
        self._settle(delivery_tag, partial(super().ack, delivery_tag))

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Drops a message, or gives it back to its queue. Raises the error of a Redis that
        refuses."""
        self._settle(delivery_tag, partial(super().reject, delivery_tag, requeue=requeue))

    def _settle(self, tag: str, settle: Callable[[], None]) -> None:
        try:
            settle()
        except self.channel.connection_errors:
            self._owed[tag] = settle
            raise
        finally:
            virtual.QoS.ack(self, tag)  # type: ignore[no-untyped-call]

    def restore_visible(self, *args: Any, **named: Any) -> None:
        """Settles what Redis refused, then looks for messages that other workers lost. The worker's
        timer calls this every few seconds."""
        while self._owed:
            tag, settle = next(iter(self._owed.items()))
            settle()
            del self._owed[tag]
        super().restore_visible(*args, **named)  # type: ignore[no-untyped-call]


class Channel(redis.Channel):
    """A channel of a worker."""

    QoS = QoS

    signatures: ClassVar[Signatures | None] = None
    """Checks messages' signatures; None when message keys are off."""

    def _get_client(self) -> type[Redis]:
        """The class of the channel's clients of Redis."""
        return Client

    @cached_property
    def _turns(self) -> Turns:
        return Turns(self.signatures)

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Starts a pop as kombu does, with the lanes before the validation queue itself."""
        queues = self._queue_cycle.consume(len(self.active_queues))
        if not queues:
            return
        seconds = self.brpop_timeout if timeout is None else timeout
        keys = [*self._keys(queues), seconds or 0]
        self._in_poll = self.client.connection
        self._brpop_sent_at: Any = monotonic()
        self.client.connection.send_command("BRPOP", *keys)

    def _keys(self, queues: list[str]) -> Iterator[str]:
        for priority in self.priority_steps:
            for queue in queues:
                if queue == STRATEGY_QUEUE and priority == self.priority_steps[0]:
                    yield from self._lanes()
                yield self._key(queue, priority)

    def _key(self, queue: str, priority: int) -> str:
        return str(self._q_for_pri(queue, priority))  # type: ignore[no-untyped-call]

    def _lanes(self) -> list[str]:
        doors = [self._key(STRATEGY_QUEUE, priority) for priority in self.priority_steps]
        with self.conn_or_acquire() as client:
            return self._turns.next(client, doors)

    def _brpop_read(self, **options: Any) -> bool:
        """Reads a pop's answer as kombu does, except that each item is checked."""
        try:
            try:
                answer = self.client.parse_response(self.client.connection, "BRPOP", **options)
            except self.connection_errors:
                # The next round then connects again.
                self.client.connection.disconnect()
                raise
            if not answer:
                raise Empty
            destination, item = answer
            name = destination.decode()
            self._turns.served(name)
            queue = STRATEGY_QUEUE if is_lane(name) else name.rsplit(self.sep, 1)[0]
            self._queue_cycle.rotate(queue)
            # Other queues carry no tasks, but answers to questions that workers were asked.
            message = message_of(item, queue) if queue in QUEUES else _answer(item)
            TAKEN[queue] += 1
            self.connection._deliver(message, queue)
            return True
        finally:
            self._in_poll: Any = None
            self._flush_brpop_reauth()  # type: ignore[no-untyped-call]


def _answer(item: bytes) -> Any:
    """Reads an answer as kombu does. Only we can write to such a queue."""
    return loads(item.decode())  # type: ignore[no-untyped-call]


class Transport(redis.Transport):
    """The transport of URLs that begin with redis."""

    Channel = Channel


def look_at_every_item(signatures: Signatures | None = None) -> None:
    """Makes every connection of this process to a broker use this transport."""
    Channel.signatures = signatures
    for alias in ("redis", "rediss"):
        TRANSPORT_ALIASES[alias] = f"{Transport.__module__}:{Transport.__qualname__}"
