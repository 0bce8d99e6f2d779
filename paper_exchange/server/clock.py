"""The exchange's clock: wall time at speed 1, faster on request, or driven by the market's events.

Two times exist. Exchange time stamps orders, fills and market data, and may run fast. Wall time
decides on signatures and answers `market/time`, because clients sign with their own clock. At speed
1 both agree to the millisecond.
"""

import time
from typing import Protocol


def wall_ms() -> int:
    """The machine's time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Clock(Protocol):
    """Gives exchange time in integer milliseconds; never goes back."""

    def now_ms(self) -> int:
        """Exchange time in milliseconds since 1970."""

    def wall_seconds(self, exchange_ms: int) -> float:
        """The time that `exchange_ms` of exchange time take on the wall, in seconds."""


class ScaledClock:
    """Starts at wall time and runs `speed` times as fast. Steps of the wall clock don't move it."""

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError("speed must be positive")
        self._speed = speed
        self._start_wall = wall_ms()
        self._start_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Exchange time in milliseconds since 1970."""
        elapsed_ns = time.monotonic_ns() - self._start_ns
        if self._speed == 1:
            return self._start_wall + elapsed_ns // 1_000_000
        return self._start_wall + int(elapsed_ns * self._speed) // 1_000_000

    def wall_seconds(self, exchange_ms: int) -> float:
        """The wall time of a span of exchange time, in seconds."""
        return exchange_ms / 1000 / self._speed


class FreeClock:
    """The time of the last market event: a replay as fast as the machine can."""

    def __init__(self) -> None:
        self._now = wall_ms()

    def advance_to(self, ts_ms: int) -> None:
        """Moves the time forward to an event's time. An earlier time changes nothing."""
        self._now = max(self._now, ts_ms)

    def now_ms(self) -> int:
        """The newest event's time, in milliseconds since 1970."""
        return self._now

    def wall_seconds(self, exchange_ms: int) -> float:  # noqa: ARG002 - time costs nothing here
        """Always 0, because no span of exchange time is waited for."""
        return 0.0


class FrozenClock:
    """A clock that stands still and moves only when it is told to."""

    def __init__(self, now_ms: int) -> None:
        self._now = now_ms

    def step(self, milliseconds: int) -> None:
        """Moves the time forward by a span in milliseconds."""
        self._now += milliseconds

    def now_ms(self) -> int:
        """Exchange time in milliseconds since 1970."""
        return self._now

    def wall_seconds(self, exchange_ms: int) -> float:
        """A span of exchange time in seconds. The market looks again after that time."""
        return exchange_ms / 1000
