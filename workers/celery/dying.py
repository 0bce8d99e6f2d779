"""Counts the processes that a message kills, and sets the message aside at the second death.

Each process works one message at a time, so that the worker knows the message behind a death. A
death counts only while the worker itself lives on. A machine's restart, `kill -9` of a worker, a
stop and an outage of Postgres or Redis therefore count for no message. In these cases
`bot.decision.parking` counts the attempts.
"""

import logging
import re
from typing import Any

from billiard.einfo import ExceptionInfo, ExceptionWithTraceback  # type: ignore[import-untyped]
from billiard.exceptions import WorkerLostError  # type: ignore[import-untyped]
from celery import Celery
from celery.worker import state
from celery.worker.request import Request
from celery.worker.state import task_ready
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from bot.bounded_text import MAX_TEXT, storable
from bot.decision.authentication import TASK
from bot.decision.parking import MAX_DEATHS
from bot.decision.signing import HEADER
from tasks.deaths import Deaths
from tasks.validation import REFUSE_UNREADABLE, SET_ASIDE, VALIDATE_STORED

log = logging.getLogger(__name__)

_HOPELESS = MAX_DEATHS + 2
"""From this many deaths on, setting the message aside has also killed twice. The message is then
refused unread."""
_END = re.compile(r"signal \d+( \(\w+\))?|exitcode -?\d+")
_TOLD_TO_STOP = re.compile(r"signal (1|2|3|15)\b")
"""The signals that stop processes. They are no proof, because a message that kills its process
causes none of them."""


def count_deaths(app: Celery) -> None:
    """Installs the counting for the tasks of the validation queue."""
    for name in (TASK, VALIDATE_STORED, SET_ASIDE):
        app.tasks[name].Request = DyingRequest


class DyingRequest(Request):
    """Celery's request, with deaths counted. Celery alone gives a killing message back to its queue
    for ever."""

    def on_failure(
        self, exc_info: ExceptionInfo, send_failed_event: bool = True, return_ok: bool = False
    ) -> None:
        """Sets the message aside after too many deaths. Handles any other failure as Celery
        does."""
        cause = cause_of_death(exc_info.exception)
        if cause is not None and not self.acknowledged and self._is_set_aside(cause):
            task_ready(self)
            self.acknowledge()
        else:
            super().on_failure(exc_info, send_failed_event, return_ok)

    def _is_set_aside(self, cause: str) -> bool:
        if state.should_stop is not None or state.should_terminate is not None:
            return False
        try:
            return self._count(cause)
        except (OperationalError, RedisError, OSError) as error:
            # The message goes back to its queue.
            log.error(
                "the death of a worker process can't be counted: %s",
                error,
                extra={"event": "a_death_cant_be_counted", "task_id": self.id},
            )
            return False

    def _count(self, cause: str) -> bool:
        task, body, proof = self._killer()
        deaths = Deaths(self._app).add(task, body)
        log.critical(
            "a worker process died of a message (death %d of this message): %s",
            deaths,
            cause,
            extra={
                "event": "a_message_has_killed_its_process",
                "task": task,
                "task_id": self.id,
                "deaths": deaths,
            },
        )
        if deaths < MAX_DEATHS:
            return False
        args: list[Any] = [task, body, proof, cause]
        if deaths >= _HOPELESS:
            args = [storable(body, MAX_TEXT), f"it ended {deaths} processes: {cause}"]
        self._app.send_task(
            SET_ASIDE if deaths < _HOPELESS else REFUSE_UNREADABLE,
            args=args,
            task_id=self.id,
            queue="validation",
        )
        return True

    def _killer(self) -> tuple[str, str, Any]:
        """Task, body and signature of the killing message: this one, or the one that it sets
        aside."""
        if self.type == SET_ASIDE and len(self.args) == 4:
            task, body, proof, _ = self.args
            return str(task), str(body), proof
        body = self.body
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
        return self.type, text, self.request_dict.get(HEADER)


def cause_of_death(error: BaseException) -> str | None:
    """The cause of a process's death; None where the task is not to blame.

    The hard time limit is no proof: every task hangs on a frozen server.
    """
    if isinstance(error, ExceptionWithTraceback):
        error = error.exc
    if not isinstance(error, WorkerLostError) or _TOLD_TO_STOP.search(str(error)):
        return None
    end = _END.search(str(error))
    return "of an unknown cause" if end is None else end.group()
