"""A reading that takes long, in a thread of its own: the pages show its newest result meanwhile."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

_CLOSING_SECONDS = 5.0
"""The end of the process waits so long for a reading that is under way."""
_T = TypeVar("_T")


class BackgroundReading(Generic[_T]):
    """Reads once a period. One thread at a time may use it."""

    def __init__(self, read: Callable[[datetime], _T], period: timedelta) -> None:
        self._read = read
        self._period = period
        self._begun_at: datetime | None = None
        self._thread: threading.Thread | None = None
        self.newest: _T | None = None
        """The last result; None before the first."""

    def begin_when_due(self, now: datetime) -> None:
        """Begins the next reading, unless one is under way."""
        under_way = self._thread is not None and self._thread.is_alive()
        due = self._begun_at is None or now - self._begun_at >= self._period
        if due and not under_way:
            self._begun_at = now
            self._thread = threading.Thread(
                target=self._look, args=(now,), name="web-background", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Waits for a reading that is under way."""
        if self._thread is not None:
            self._thread.join(_CLOSING_SECONDS)

    def _look(self, now: datetime) -> None:
        try:
            self.newest = self._read(now)
        except Exception:  # the last result stays, and the next period tries again
            log.exception(
                "a panel of the console can't be read", extra={"event": "web_panel_cant_be_read"}
            )
