"""The passed-in clock: the domain never reads the machine's time by itself."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of the present time."""

    def now(self) -> datetime:
        """The present moment, timezone-aware UTC."""


class SystemClock:
    """The machine's clock; handed in by workers and the console."""

    def now(self) -> datetime:
        """The machine's time, UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved; for tests, replay and what-if."""

    def __init__(self, at: datetime) -> None:
        self._now = at

    def now(self) -> datetime:
        """The time to which the clock was set last."""
        return self._now

    def move_to(self, at: datetime) -> None:
        """Sets the clock to an aware time, earlier or later."""
        self._now = at
