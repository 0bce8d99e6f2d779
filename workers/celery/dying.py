"""A worker counts the deaths of its processes by message, and sets a message aside at the second.

Only a death counts that this very message was worked in, while the worker itself lives on: its
processes work one message each. So a restart of the machine, `kill -9` of a worker, a stop and an
outage of Postgres or Redis count for no message; of these, `parking` counts the attempts.
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
"""Setting it aside has killed twice as well: nobody reads it any more."""
_END = re.compile(r"signal \d+( \(\w+\))?|exitcode -?\d+")
_TOLD_TO_STOP = re.compile(r"signal (1|2|3|15)\b")
"""A message that kills sends no such signal: these are how processes are stopped."""


def count_deaths(app: Celery) -> None:
    """Requests of the validation queue are watched from now on."""
    for name in (TASK, VALIDATE_STORED, SET_ASIDE):
        app.tasks[name].Request = DyingRequest


class DyingRequest(Request):
    """Celery's, which by itself gives a message that kills back to its queue for ever."""

    def on_failure(
        self, exc_info: ExceptionInfo, send_failed_event: bool = True, return_ok: bool = False
    ) -> None:
        """Hears of every end of the task but a good one."""
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
            # It goes back to its queue.
            log.error("a death can't be counted: %s", error, extra={"task_id": self.id})
            return False

    def _count(self, cause: str) -> bool:
        task, body, proof = self._killer()
        deaths = Deaths(self._app).add(task, body)
        log.critical(
            "a message has killed its process, %d: %s", deaths, cause,
            extra={"task": task, "task_id": self.id, "deaths": deaths},
        )  # fmt: skip
        if deaths < MAX_DEATHS:
            return False
        args: list[Any] = [task, body, proof, cause]
        if deaths >= _HOPELESS:
            args = [storable(body, MAX_TEXT), f"it has killed {deaths} processes: {cause}"]
        self._app.send_task(
            SET_ASIDE if deaths < _HOPELESS else REFUSE_UNREADABLE,
            args=args,
            task_id=self.id,
            queue="validation",
        )
        return True

    def _killer(self) -> tuple[str, str, Any]:
        """Task, body and proof of what has killed: this message, or the one that it sets aside."""
        if self.type == SET_ASIDE and len(self.args) == 4:
            task, body, proof, _ = self.args
            return str(task), str(body), proof
        body = self.body
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
        return self.type, text, self.request_dict.get(HEADER)


def cause_of_death(error: BaseException) -> str | None:
    """How a process ended without an end of its task; None where it is nothing of the task's.

    The hard time limit is no proof: every task hangs on a server that is frozen.
    """
    if isinstance(error, ExceptionWithTraceback):
        error = error.exc
    if not isinstance(error, WorkerLostError) or _TOLD_TO_STOP.search(str(error)):
        return None
    end = _END.search(str(error))
    return "of an unknown cause" if end is None else end.group()
