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
"""Arguments that say about what a task is; also as a field of a strategy's `request`."""
_LONGEST_IDENTIFIER = 64
SLOW_SECONDS = 1.0
"""A run that takes longer is told whatever it is."""


class MlriskTask(celery.Task):
    """Binds a run's identifiers to the log, times the run and logs failures.

    It retries nothing by itself, because rows are found again. A task whose row may not be there
    yet says so by `autoretry_for`.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the task. Every line that is logged meanwhile carries its identifiers, and a last
        one says how long it took.

        What beat asks for several times a second names no request; its line is for debugging
        unless it was slow.
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
        """The request and the child that a call is about, as far as its arguments say."""
        try:
            given = dict(self._parameters.bind(*args, **kwargs).arguments)
        except TypeError:  # the task itself answers a call with other arguments
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
        """Whether an earlier delivery was never answered: it may have killed its process."""
        return bool((self.request.delivery_info or {}).get("redelivered"))

    @property
    def has_expired(self) -> bool:
        """Whether its message is too old to be worth a look.

        Celery asks before a message is handed to the pool, and there it may wait behind calls that
        hang; by now a newer one is under way.
        """
        expires = self.request.expires
        if isinstance(expires, str):
            expires = datetime.fromisoformat(expires)
        return isinstance(expires, datetime) and expires < datetime.now(UTC)

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Logs the failure: as a warning when it may pass, else as an error, with a traceback if
        unexpected."""
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
