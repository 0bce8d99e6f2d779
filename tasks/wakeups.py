"""Wake-ups through Celery: at least once at best, so that a lost one is only a delay."""

import logging
from datetime import UTC, datetime
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from bot.errors import DependencyDown

log = logging.getLogger(__name__)

SEND_CHILD = "tasks.execution.send_child"
VALIDATE_STORED = "tasks.validation.validate_stored"
_ETA_THRESHOLD_SECONDS = 0.02
"""Closer than this, an ETA costs more than it gains."""


class CeleryWakeups:
    """Publishes identifiers only; a publish that fails is found again by the dispatcher."""

    def child(self, child_id: int, due_at: datetime) -> None:
        wait = (due_at - datetime.now(UTC)).total_seconds()
        eta = due_at if wait > _ETA_THRESHOLD_SECONDS else None
        self._publish(SEND_CHILD, [child_id], eta)

    def request(self, request_id: str) -> None:
        self._publish(VALIDATE_STORED, [request_id], None)

    def _publish(self, name: str, args: list[Any], eta: datetime | None) -> None:
        try:
            current_app.send_task(name, args=args, eta=eta, ignore_result=True)
        except (OperationalError, RedisError, OSError) as error:
            # "Publish failed" is not "not published", and the row is the truth either way.
            log.warning("wake-up not published: %s", error, extra={"task": name, "task_args": args})


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
            if entry["request"]["name"] == SEND_CHILD
        ]
        reserved = [
            task["id"]
            for tasks in (inspect.reserved() or {}).values()
            for task in tasks
            if task["name"] == SEND_CHILD
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
