"""The market's volume over a parent's life: traded and expected, by minute."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class VolumeForecast:
    """`traded` are the finished minutes from `first_minute` on, `expected` those that follow.

    Both in base units. `first_minute` is the minute in which the parent starts, the last expected
    one that of its deadline. `caution` is the model's (see `volume_schedule.share_now`).
    """

    model: str
    first_minute: datetime
    traded: tuple[float, ...]
    expected: tuple[float, ...]
    caution: float | None = None

    def __post_init__(self) -> None:
        if self.first_minute.utcoffset() != timedelta(0):
            raise ValueError("first_minute must be in UTC")
        if self.first_minute.second or self.first_minute.microsecond:
            raise ValueError("first_minute must be the beginning of a minute")
        if not all(isfinite(volume) and volume >= 0.0 for volume in self.traded):
            raise ValueError("traded must hold finite volumes of at least 0")
        if not all(isfinite(volume) and volume > 0.0 for volume in self.expected):
            raise ValueError("expected must hold finite volumes above 0")
        if self.caution is not None and not (isfinite(self.caution) and self.caution > 0.0):
            raise ValueError("caution must be finite and above 0")

    @property
    def end(self) -> datetime:
        """The end of the last minute."""
        return self.first_minute + (len(self.traded) + len(self.expected)) * MINUTE

    def volume(self, start: datetime, end: datetime) -> float:
        """The market's volume between two moments; minutes at the edges count by the part inside.

        Raises ValueError when the forecast doesn't hold all of it.
        """
        if not self.first_minute <= start <= end <= self.end:
            raise ValueError(
                f"{start} to {end} is not within the forecast of {self.first_minute} to {self.end}"
            )
        minutes = (*self.traded, *self.expected)
        first, before = divmod(start - self.first_minute, MINUTE)
        last, inside = divmod(end - self.first_minute, MINUTE)
        # Whole minutes first and the edges by their parts: a difference of two long sums would
        # leave rounding errors where nothing was traded.
        total = sum(minutes[first:last])
        if before:
            total -= minutes[first] * (before / MINUTE)
        if inside:
            total += minutes[last] * (inside / MINUTE)
        return max(total, 0.0)
