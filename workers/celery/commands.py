"""Limits the remote commands of a worker: it answers questions and drops revoked tasks.

Anybody with Flower's password may send commands to all workers. Many of Celery's commands would end
the trading: shutting down, leaving a queue, having fewer children, slowing down or killing a task.
"""

from typing import Any

from celery.worker import control
from celery.worker.control import Panel

QUESTIONS = frozenset(
    {
        *("ping", "clock", "conf", "report", "stats", "active_queues", "registered"),
        *("scheduled", "active", "reserved", "revoked", "query_task"),
    }
)
OBEYED = QUESTIONS | {"enable_events", "revoke"}
"""The commands that a worker obeys. Flower enables events repeatedly, and a halt revokes waiting
tasks."""


def obey_little() -> None:
    """Removes all other commands from this process's worker. Call it before the worker begins."""
    for name in Panel.data.keys() - OBEYED:
        del Panel.data[name]
    Panel.data["revoke"] = _revoke


def _revoke(state: Any, task_id: str | list[str], **_: Any) -> dict[str, Any]:
    """Revokes waiting tasks. Celery's own command can also kill the child that runs a task."""
    answer: dict[str, Any] = control.revoke(state, task_id)
    return answer
