"""The base of every task: log context, the time of a run, and an error that may pass."""

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from inspect import Signature, signature
from typing import Any

import celery
from structlog.contextvars import bound_contextvars

from bot.errors import MlriskError, RetryLater

log = logging.getLogger(__name__)

_IDENTIFIERS = ("request_id", "child_id")
"""The arguments that identify a task's request or child. `request_id` is also read from a
strategy's `request`."""
_LONGEST_IDENTIFIER = 64
SLOW_SECONDS = 1.0
"""A run that takes longer is logged at INFO even if it names no request. In seconds."""


class MlriskTask(celery.Task):
    """Binds a run's identifiers to the log, times the run and logs failures.

    It retries nothing by itself, because the dispatcher finds unfinished rows again. A task that
    may run before its row exists sets `autoretry_for`.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the task with its identifiers in every log line. The last line has the run's time.

        The last line is at INFO if the task names a request or child, or if it is slow. Otherwise
        it is at DEBUG, because beat starts tasks without identifiers as often as once a second.
        """
        began = time.monotonic()
        outcome = "done"
        named = self._identifiers(args, kwargs)
        with bound_contextvars(task=self.name, task_id=self.request.id, **named):
            try:
                return super().__call__(*args, **kwargs)
            except BaseException as error:
                outcome = type(error).__name__
                raise
            finally:
                seconds = time.monotonic() - began
                log.log(
                    logging.INFO if named or seconds > SLOW_SECONDS else logging.DEBUG,
                    "task ran",
                    extra={
                        "event": "task_ran",
                        "outcome": outcome,
                        "duration_ms": round(seconds * 1000, 1),
                    },
                )

    @cached_property
    def _parameters(self) -> Signature:
        return signature(self.run)

    def _identifiers(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The request id and the child id of a call, if its arguments have them."""
        try:
            given = dict(self._parameters.bind(*args, **kwargs).arguments)
        except TypeError:  # the task itself handles wrong arguments
            given = {}
        request = args[0] if args else kwargs.get("request")
        if isinstance(request, Mapping):
            given.setdefault("request_id", request.get("request_id"))
        return {
            name: value[:_LONGEST_IDENTIFIER] if isinstance(value, str) else value
            for name in _IDENTIFIERS
            if isinstance(value := given.get(name), str | int)
        }

    @property
    def was_redelivered(self) -> bool:
        """Whether an earlier delivery was never acknowledged. The message may have killed its
        process."""
        return bool((self.request.delivery_info or {}).get("redelivered"))

    @property
    def has_expired(self) -> bool:
        """Whether the message has expired.

        Celery checks this before it hands a message to the pool. In the pool the message may wait
        behind calls that hang, and the dispatcher sends a newer message meanwhile.
        """
        expires = self.request.expires
        if isinstance(expires, str):
            expires = datetime.fromisoformat(expires)
        return isinstance(expires, datetime) and expires < datetime.now(UTC)

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Logs the failure: RetryLater as a warning, any other as an error. Only an unexpected
        error has a traceback."""
        level = logging.WARNING if isinstance(exc, RetryLater) else logging.ERROR
        known = isinstance(exc, MlriskError)
        log.log(
            level,
            "task %s failed: %s",
            self.name,
            exc,
            extra={"task": self.name, "task_id": task_id},
            exc_info=None if known else exc,
        )
        super().on_failure(exc, task_id, args, kwargs, einfo)

    def on_retry(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Logs the error for which the task is tried again."""
        log.warning(
            "task %s will be tried again: %s",
            self.name,
            exc,
            extra={"task": self.name, "task_id": task_id},
        )
        super().on_retry(exc, task_id, args, kwargs, einfo)
