"""The base of every task: log context, and what becomes of an error that may pass."""

import logging
from datetime import UTC, datetime
from typing import Any

import celery

from bot.errors import MlriskError, RetryLater

log = logging.getLogger(__name__)


class MlriskTask(celery.Task):
    """Logs failures with the task's identifiers.

    It retries nothing by itself, because rows are found again. A task whose row may not be there
    yet says so by `autoretry_for`.
    """

    abstract = True

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
