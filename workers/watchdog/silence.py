"""Decides, from the signs of life that were heard, whether the system is silent."""

from dataclasses import dataclass, field
from datetime import datetime

SILENCE_SECONDS = 10.0
"""So long without a new sign of life is silence."""
START_SECONDS = 60.0
"""The time after the watchdog's own start for the first sign of life: the system starts beside
it."""
_LONGEST_STEP_SECONDS = 1.0


@dataclass
class Silence:
    """Counts the seconds since the last new sign of life.

    Only a changed sign counts, so that no clock is compared with another one. The time in which
    the watchdog itself stood still does not count: it could hear nothing.
    """

    limit_seconds: float = SILENCE_SECONDS
    start_seconds: float = START_SECONDS
    seconds: float = 0.0
    _began: bool = False
    _last: datetime | None = None
    _looked_at: float | None = field(default=None)

    def hear(self, sign: datetime | None) -> None:
        """Notes the newest sign of life that can be read; None when none can. The first one may be
        old, so it proves nothing."""
        if sign is None or sign == self._last:
            return
        if self._last is not None:
            self._began, self.seconds = True, 0.0
        self._last = sign

    def look(self, now: float) -> bool:
        """Whether the system is silent at this moment of a clock that only goes forward."""
        if self._looked_at is not None:
            self.seconds += min(max(now - self._looked_at, 0.0), _LONGEST_STEP_SECONDS)
        self._looked_at = now
        return self.seconds >= (self.limit_seconds if self._began else self.start_seconds)
