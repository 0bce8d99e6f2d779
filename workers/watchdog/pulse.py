"""Reads the system's sign of life beside the watchdog's own loop, which therefore never waits for
the database."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)

READ_SECONDS = 1.0


class Pulse:
    """A thread that reads the heartbeat once a second. A read that fails or hangs is silence."""

    def __init__(self, read: Callable[[], datetime | None], wait: Callable[[float], bool]) -> None:
        """`wait` sleeps and says whether to stop."""
        self._read = read
        self._wait = wait
        self._newest: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Begins to read."""
        self._thread.start()

    def newest(self) -> datetime | None:
        """The newest sign that was read; None while the last read failed."""
        return self._newest

    def _run(self) -> None:
        while True:
            try:
                self._newest = self._read()
            except (DBAPIError, OSError) as error:
                self._newest = None
                log.warning(
                    "the heartbeat can't be read: %s",
                    type(error).__name__,
                    extra={"event": "the_heartbeat_cant_be_read"},
                )
            if self._wait(READ_SECONDS):
                return
