"""Sends wake-ups through Celery. They may be lost or repeated; a lost one only causes a delay."""

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
from config.celery import OUR_LANE, STRATEGY_QUEUE, VISIBILITY_TIMEOUT_SECONDS
from tasks.early_looks import EarlyLooks

log = logging.getLogger(__name__)

SEND_CHILD = "tasks.execution.send_child"
STEP_PARENT = "tasks.execution.step_parent"
VALIDATE_STORED = "tasks.validation.validate_stored"
EVALUATE_BREAKERS = "tasks.monitoring.evaluate_breakers"
_REVOCABLE = (SEND_CHILD, STEP_PARENT)
_ETA_THRESHOLD_SECONDS = 0.02
"""A wake-up that is due sooner has no ETA, because an ETA would cost more than it gains. In
seconds."""
FURTHEST_ETA = timedelta(seconds=VISIBILITY_TIMEOUT_SECONDS / 3)
"""The furthest due time of a wake-up. Redis delivers a message again when it waits longer than the
visibility timeout. Later work therefore waits in its row."""
EXPIRES_IN_TIMEOUTS = 6
"""The lifetime of a wake-up, in wake timeouts. The dispatcher wakes a child again after this time
at the latest, so that hardly more than one wake-up of a child is alive."""
_DEPTH_TIMEOUT_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class CeleryTaskQueue:
    """Publishes wake-ups, which hold identifiers only. The dispatcher repeats a wake-up that was
    not published or that expired in its queue."""

    expire_after: timedelta = timedelta(seconds=18)
    clock: Clock = field(default_factory=SystemClock)
    early: EarlyLooks | None = None
    """Asks for looks at the breakers; without it beat alone does."""

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

    def breakers(self) -> None:
        """Asks for a look at the breakers; many within a second become one."""
        if self.early is not None:
            self.early.ask()

    def look_at_breakers(self, wait_seconds: float) -> None:
        """Enqueues a look at the breakers that begins after so many seconds."""
        at = self.clock.now() + timedelta(seconds=wait_seconds)
        self._publish(EVALUATE_BREAKERS, [], at, {"queue": "monitoring"})

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
            # A publish that seems to fail may still arrive. The row decides in both cases.
            log.warning(
                "a message can't be enqueued now: %s",
                error,
                extra={"event": "wake_up_not_published", "task": name, "task_args": args},
            )


def _route(*, urgent: bool, reduces: bool) -> dict[str, str]:
    """The queue of a wake-up. The emergency queue has its own worker, so that no ordinary message
    delays it. Other exits have a queue that the senders serve in turn with the ordinary one."""
    if urgent:
        return {"queue": "emergency"}
    return {"queue": EXITS} if reduces else {}


class QueueDepth:
    """Counts the messages that wait in a queue; None when Redis doesn't answer within 0.25 s.

    For the validation queue it counts the queue itself and our own lane. It leaves out the
    strategies' lanes, because they delay no wake-up.
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
            return (
                waiting + int(self._client.llen(OUR_LANE)) if queue == STRATEGY_QUEUE else waiting
            )
        except RedisError as error:
            log.warning(
                "the length of queue %s can't be read: %s",
                queue,
                error,
                extra={"event": "queue_cant_be_measured", "queue": queue},
            )
            return None


def revoke_queued() -> int:
    """Takes queued and waiting send tasks away from workers; raises DependencyDown without Redis.

    Send tasks are only wake-ups. After a resume, the rows that still need one are woken again.
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
        # By itself it tries for six seconds, and a halt's report waits for it.
        connection.ensure_connection(max_retries=1, interval_start=0)
        return int(connection.default_channel.queue_purge(queue) or 0)
