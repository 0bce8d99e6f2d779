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
STEP_PARENT = "tasks.execution.step_parent"
VALIDATE_STORED = "tasks.validation.validate_stored"
_REVOCABLE = (SEND_CHILD, STEP_PARENT)
_ETA_THRESHOLD_SECONDS = 0.02
"""Closer than this, an ETA costs more than it gains."""


class CeleryWakeups:
    """Publishes identifiers only; a publish that fails is found again by the dispatcher."""

    def child(self, child_id: int, due_at: datetime, *, urgent: bool = False) -> None:
        self._publish(SEND_CHILD, [child_id], _eta(due_at), urgent=urgent)

    def parent(self, request_id: str, at: datetime, *, urgent: bool = False) -> None:
        self._publish(STEP_PARENT, [request_id], _eta(at), urgent=urgent)

    def request(self, request_id: str) -> None:
        self._publish(VALIDATE_STORED, [request_id], None)

    def _publish(
        self, name: str, args: list[Any], eta: datetime | None, *, urgent: bool = False
    ) -> None:
        # The emergency queue has a worker of its own: nothing ordinary is ever ahead of an exit.
        route = {"queue": "emergency"} if urgent else {}
        try:
            current_app.send_task(name, args=args, eta=eta, ignore_result=True, **route)
        except (OperationalError, RedisError, OSError) as error:
            # "Publish failed" is not "not published", and the row is the truth either way.
            log.warning("wake-up not published: %s", error, extra={"task": name, "task_args": args})


def _eta(due_at: datetime) -> datetime | None:
    wait = (due_at - datetime.now(UTC)).total_seconds()
    return due_at if wait > _ETA_THRESHOLD_SECONDS else None


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
