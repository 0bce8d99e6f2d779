"""Wake-ups through Celery: at least once at best, so that a lost one is only a delay."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from bot.clock import Clock, SystemClock
from bot.errors import DependencyDown
from bot.execution.sending.dispatch import EXITS
from config.celery import DOOR, OUR_LANE, VISIBILITY_TIMEOUT_SECONDS

log = logging.getLogger(__name__)

SEND_CHILD = "tasks.execution.send_child"
STEP_PARENT = "tasks.execution.step_parent"
VALIDATE_STORED = "tasks.validation.validate_stored"
_REVOCABLE = (SEND_CHILD, STEP_PARENT)
_ETA_THRESHOLD_SECONDS = 0.02
"""Closer than this, an ETA costs more than it gains."""
FURTHEST_ETA = timedelta(seconds=VISIBILITY_TIMEOUT_SECONDS / 3)
"""Redis delivers a message several times that waits longer than the visibility timeout; whatever
wants to wait so long waits in its row."""
EXPIRES_IN_TIMEOUTS = 6
"""In wake timeouts: the longest after which the dispatcher wakes a child again, so that of each
wake-up little more than one is alive."""
_DEPTH_TIMEOUT_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class CeleryTaskQueue:
    """Publishes identifiers only; a publish that fails is found again by the dispatcher, and so
    is one that expires because nobody took it."""

    expire_after: timedelta = timedelta(seconds=18)
    clock: Clock = field(default_factory=SystemClock)

    def child(
        self, child_id: int, due_at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        """Enqueues a child for its due time; exits have a queue of their own."""
        self._publish(SEND_CHILD, [child_id], due_at, _route(urgent=urgent, reduces=reduces))

    def parent(
        self, request_id: str, at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        """Enqueues the next step of a parent; exits have a queue of their own."""
        self._publish(STEP_PARENT, [request_id], at, _route(urgent=urgent, reduces=reduces))

    def request(self, request_id: str) -> None:
        """Enqueues a stored trade request, to be decided."""
        self._publish(VALIDATE_STORED, [request_id], None, {})

    def _publish(
        self, name: str, args: list[Any], at: datetime | None, route: dict[str, str]
    ) -> None:
        now = self.clock.now()
        due = now if at is None else max(at, now)
        if due - now > FURTHEST_ETA:
            return
        wait = (due - now).total_seconds()
        eta = due if wait > _ETA_THRESHOLD_SECONDS else None
        try:
            current_app.send_task(
                name,
                args=args,
                eta=eta,
                expires=due + self.expire_after,
                ignore_result=True,
                **route,
            )
        except (OperationalError, RedisError, OSError) as error:
            # "Publish failed" is not "not published", and the row is the truth either way.
            log.warning("wake-up not published: %s", error, extra={"task": name, "task_args": args})


def _route(*, urgent: bool, reduces: bool) -> dict[str, str]:
    """The emergency queue has a worker of its own: nothing ordinary is ever ahead of it. Other
    exits have a queue whose messages the senders take in turn with ordinary ones."""
    if urgent:
        return {"queue": "emergency"}
    return {"queue": EXITS} if reduces else {}


class QueueDepth:
    """How many messages wait in a queue. None when Redis can't tell at once.

    Of the door's it counts what is in no lane yet and what waits in ours: what strategies have
    sent stands before no wake-up.
    """

    def __init__(self, redis_url: str) -> None:
        self._client = Redis.from_url(
            redis_url,
            socket_timeout=_DEPTH_TIMEOUT_SECONDS,
            socket_connect_timeout=_DEPTH_TIMEOUT_SECONDS,
        )

    def __call__(self, queue: str) -> int | None:
        try:
            waiting = int(self._client.llen(queue))
            return waiting + int(self._client.llen(OUR_LANE)) if queue == DOOR else waiting
        except RedisError as error:
            log.warning("queue %s can't be measured: %s", queue, error, extra={"queue": queue})
            return None


def revoke_queued() -> int:
    """Takes queued and waiting send tasks away from workers; raises DependencyDown without Redis.

    Send tasks are wake-ups: what is needed again after a resume is woken again from its row.
    """
    try:
        purged = _purge("execution")
        inspect = current_app.control.inspect(timeout=0.5)
        waiting = [
            entry["request"]["id"]
            for tasks in (inspect.scheduled() or {}).values()
            for entry in tasks
            if entry["request"]["name"] in _REVOCABLE
        ]
        reserved = [
            task["id"]
            for tasks in (inspect.reserved() or {}).values()
            for task in tasks
            if task["name"] in _REVOCABLE
        ]
        ids = sorted({*waiting, *reserved})
        if ids:
            current_app.control.revoke(ids)
    except (OperationalError, RedisError, OSError) as error:
        raise DependencyDown(f"Redis can't be reached: {error}") from error
    return purged + len(ids)


def _purge(queue: str) -> int:
    with current_app.connection_for_write() as connection:
        return int(connection.default_channel.queue_purge(queue) or 0)
