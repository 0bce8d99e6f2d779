"""The number of events in a sliding window is bounded; a batch passes whole or not at all."""

from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple


class Taken(NamedTuple):
    """`used` is the share of the window in use, this batch included if it passed."""

    allowed: bool
    used: float


class SlidingWindow:
    """A log of passes. A clock that goes back neither crashes nor frees anything early."""

    def __init__(self, limit: int, per: timedelta) -> None:
        if limit < 1:
            raise ValueError(f"a throttle needs a limit of at least 1, found {limit}")
        if per <= timedelta(0):
            raise ValueError(f"a throttle needs a window above zero, found {per}")
        self.limit, self.per = limit, per
        self._passes: deque[datetime] = deque()
        self._latest: datetime | None = None

    def take(self, now: datetime, batch: int = 1) -> Taken:
        """Lets the whole `batch` pass now, or nothing of it.

        Raises ValueError for a batch below 1.
        """
        if batch < 1:
            raise ValueError(f"a batch holds at least 1, found {batch}")
        moment = self._forget(now)
        allowed = len(self._passes) + batch <= self.limit
        if allowed:
            self._passes.extend([moment] * batch)
        return Taken(allowed, len(self._passes) / self.limit)

    def in_use(self, now: datetime) -> int:
        """The number of passes in the window now."""
        self._forget(now)
        return len(self._passes)

    def _forget(self, now: datetime) -> datetime:
        moment = now if self._latest is None or now > self._latest else self._latest
        self._latest = moment
        while self._passes and self._passes[0] <= moment - self.per:
            self._passes.popleft()
        return moment
