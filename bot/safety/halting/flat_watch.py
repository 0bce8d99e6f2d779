"""Tells people of a flattening that takes too long, also while the exchange hangs."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from bot.risk.portfolio.kinds import AlertLevel
from bot.state.scope import Scope

log = logging.getLogger(__name__)


def tell_not_flat(scope: Scope, left: Sequence[str]) -> None:
    """Alerts people of positions that a flattening has not closed in time. `left` is empty when the
    exchange can't be asked."""
    log.critical(
        "NOT FLAT: %s still held after flattening %s",
        ", ".join(left) or "unknown positions are",
        scope,
        extra={"event": "not_flat", "alert": AlertLevel.EMERGENCY.value},
    )


class FlatWatch:
    """Alerts once when its block is not flat after so many seconds.

    A thread of its own counts them, because a call to the exchange may hang for longer. With 0
    seconds the end of the block alerts.
    """

    def __init__(
        self,
        scope: Scope,
        seconds: float,
        tell: Callable[[Scope, Sequence[str]], None] | None = None,
    ) -> None:
        """`tell` takes the place of the alert."""
        self._scope = scope
        self._tell_people = tell or tell_not_flat
        self._until = time.monotonic() + seconds
        self._left: Sequence[str] = ()
        self._lock = threading.Lock()
        self._settled = False
        """Whether the block is flat, or people were told."""
        self._timer = threading.Timer(seconds, self._tell) if seconds > 0 else None

    def sees(self, left: Sequence[str]) -> None:
        """Notes the symbols that are still held."""
        self._left = left

    def is_flat(self) -> bool:
        """Notes the proven end, after which nobody is told. Returns whether people were told
        before."""
        with self._lock:
            was_told, self._settled = self._settled, True
            return was_told

    def __enter__(self) -> "FlatWatch":
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if time.monotonic() >= self._until:
            self._tell()

    def _tell(self) -> None:
        # The lock is held meanwhile, so that a caller of `is_flat` can take back what was told.
        with self._lock:
            if self._settled:
                return
            self._settled = True
            self._tell_people(self._scope, self._left)
