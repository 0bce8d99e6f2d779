"""What a worker does when it is told to through the broker: it answers questions and drops tasks.

Whoever has Flower's password may tell all workers something. Of what Celery's obey, much would end
the trading: to shut down, to leave a queue, to have fewer children, to slow down or kill a task.
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
"""Flower asks for events again and again; a halt revokes what waits."""


def obey_little() -> None:
    """Of this process's worker; call it before the worker begins."""
    for name in Panel.data.keys() - OBEYED:
        del Panel.data[name]
    Panel.data["revoke"] = _revoke


def _revoke(state: Any, task_id: str | list[str], **_: Any) -> dict[str, Any]:
    """Celery's, for tasks that wait: it would also kill the child that has one at hand."""
    answer: dict[str, Any] = control.revoke(state, task_id)
    return answer
