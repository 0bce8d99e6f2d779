"""Volatility as an exponentially weighted average of squared log returns on a time grid.

Source: RiskMetrics 1996 (zero-mean EWMA), sampled by the previous-tick rule (Dacorogna et al.
2001, ch. 2). The grid keeps the estimate independent of how often prices arrive.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

DAY_SECONDS = 86_400.0
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class VolatilitySettings:
    """Durations in seconds."""

    grid_seconds: float = 1.0
    half_life_seconds: float = 120.0
    # The least number of returns: the relative error of n of them is about 1/sqrt(2n).
    warm_up_returns: int = 20
    # A longer silence is an outage: the price moved over all of it, not in one step.
    longest_gap_seconds: float = 30.0
    # In a calm minute the mid of a large perpetual doesn't move one tick (seen: BTCUSDT, 44 s on a
    # Sunday), and zero would mean no risk at all. 0.5 % a day is calmer than the calmest of them.
    floor_per_day: float = 0.005


class EwmaVolatility:
    """Fed with prices in time order; gives the standard deviation of log returns per day."""

    def __init__(self, settings: VolatilitySettings) -> None:
        self._settings = settings
        self._origin: datetime | None = None
        self._cell = 0
        self._cell_price = 0.0
        """Price at the beginning of the current cell."""
        self._price = 0.0
        self._price_at: datetime | None = None
        self._variance = 0.0
        """Weighted sum of variance per second."""
        self._weight = 0.0
        self._returns = 0

    def seed(self, daily_volatility: float, *, weight: float) -> None:
        """Starts from an estimate of older data; `weight` in (0, 1) is its share now."""
        if not (0.0 < weight < 1.0 and 0.0 < daily_volatility < math.inf):
            raise ValueError("a seed needs a weight in (0, 1) and a positive volatility")
        self._variance = weight * daily_volatility**2 / DAY_SECONDS
        self._weight = weight
        self._returns = max(self._returns, self._settings.warm_up_returns)

    def update(self, at: datetime, price: float) -> None:
        """Takes a price. One that is not positive, not finite or out of order is left out."""
        if not 0.0 < price < math.inf:
            return
        if self._origin is None or self._price_at is None:
            self._origin, self._cell_price, self._price, self._price_at = at, price, price, at
            return
        cell = int((at - self._origin) / _SECOND / self._settings.grid_seconds)
        if cell < self._cell:
            return
        if cell > self._cell:
            if (at - self._price_at) / _SECOND > self._settings.longest_gap_seconds:
                self._price = price
            self._close_cells(cell - self._cell)
            self._cell = cell
        self._price, self._price_at = price, at

    def _close_cells(self, cells: int) -> None:
        """The last price before a boundary is the price at the boundary."""
        seconds = cells * self._settings.grid_seconds
        step = math.log(self._price / self._cell_price)
        self._cell_price = self._price
        keep: float = 0.5 ** (seconds / self._settings.half_life_seconds)
        self._variance = keep * self._variance + (1.0 - keep) * step * step / seconds
        self._weight = keep * self._weight + (1.0 - keep)
        self._returns += 1

    @property
    def per_day(self) -> float | None:
        """None until warmed up; never below the floor."""
        if self._returns < self._settings.warm_up_returns or self._weight <= 0.0:
            return None
        measured = math.sqrt(self._variance / self._weight * DAY_SECONDS)
        return max(measured, self._settings.floor_per_day)


def from_closes(closes: Sequence[tuple[datetime, Decimal]]) -> float | None:
    """Volatility per day of closing prices in time order; None when there are too few or they don't
    move. It is the input of `EwmaVolatility.seed`, so that a new process needs no hours to learn
    the baseline."""
    steps = [
        (math.log(later / earlier), (at - before) / _SECOND)
        for (before, earlier), (at, later) in pairwise(closes)
        if earlier > 0 and later > 0 and at > before
    ]
    seconds = sum(duration for _, duration in steps)
    if len(steps) < VolatilitySettings().warm_up_returns or not seconds:
        return None
    return math.sqrt(sum(step * step for step, _ in steps) / seconds * DAY_SECONDS) or None
