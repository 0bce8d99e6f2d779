"""VWAP by a volume model: the share of each interval is planned anew from the newest forecast."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.stepping import (
    POLL,
    Action,
    LiveChild,
    Place,
    Progress,
    Tail,
    Terms,
    Touch,
    WaitUntil,
    child_lots,
    outside_of_work,
    require_seconds,
    require_share,
    wait,
)
from bot.execution.algorithms.volume_forecast import VolumeForecast
from models.enums import Style

__all__ = ["CLOCK", "SteeredVwap", "VolumeForecast"]

CLOCK = "clock"
"""`source` of a step without a forecast: volume is taken as even over the time left."""
CHILDREN_OF_THE_LAST_INTERVAL = 6
"""The number of children of the last interval. No later interval follows, so a cut quantity is
tried again within it."""


@dataclass(frozen=True, slots=True)
class _Interval:
    start: datetime
    end: datetime
    is_last: bool


@dataclass(frozen=True, slots=True)
class SteeredVwap:
    """One child at the start of each interval; the last interval takes all that is left.

    The share comes from `volume_schedule.share_now`, which also measured the models. Make the
    stepper anew for each step with the newest forecast. Without a forecast (no model, stale, no
    bars) it follows the clock.

    A late quantity is caught up. One child is at most `max_catch_up` times the due slice, or the
    venue's minimum where that is more. Its part beyond that slice keeps the parent within
    `participation_cap` of the traded volume. Intervals are at least POLL long.
    """

    terms: Terms
    interval_seconds: float
    forecast: VolumeForecast | None
    max_catch_up: Decimal = Decimal(3)
    participation_cap: Decimal | None = None

    def __post_init__(self) -> None:
        require_seconds("interval_seconds", self.interval_seconds, above_zero=True)
        if not self.max_catch_up.is_finite() or self.max_catch_up < 1:
            raise Infeasible(f"max_catch_up must be at least 1, not {self.max_catch_up}")
        if self.participation_cap is not None:
            require_share("participation_cap", self.participation_cap, above_zero=True)

    @property
    def source(self) -> str:
        """The model whose forecast steers this step, or CLOCK."""
        return CLOCK if self.forecast is None else self.forecast.model

    def step(self, progress: Progress, touch: Touch, rules: LotRules) -> tuple[Action, ...]:
        """Sends one child at the start of each interval; waits while the market is unusable."""
        ended = outside_of_work(progress, self.terms, rules)
        if ended is not None:
            return ended
        interval = self._interval(progress, progress.now)
        next_at = self._next_child_at(progress.last, interval)
        if next_at > progress.now:
            return (wait(progress, next_at),)
        if not touch.usable or not self.terms.within_limit(touch.far(self.terms.side)):
            return (wait(progress),)
        lots = self._lots(progress, touch, rules, interval)
        following = self._following(progress, interval)
        if lots == 0:
            return (following,)
        return (Place(lots * rules.qty_step, Style.IOC, self.terms.price_limit), following)

    def target(self, progress: Progress) -> Decimal:
        """The quantity that should be filled or working by the end of the present interval."""
        interval = self._interval(progress, progress.now)
        if interval.is_last:
            return progress.total
        start, left = interval.start, progress.total - progress.committed
        caution = None if self.forecast is None else self.forecast.caution
        if caution is None:
            # A proportional split doesn't know the missed part. It begins at the last child, so
            # that intervals without a child (too small, an outage) add up.
            start = self._unserved_since(progress, interval)
        ahead = self._volume(progress, start, interval.end)
        after = self._volume(progress, interval.end, progress.deadline_at)
        share = _share_now(
            (ahead, after),
            float(max(left / progress.total, Decimal(0))),
            self._volume(progress, progress.start_at, start),
            caution,
        )
        return progress.committed + min(progress.total * Decimal(share), left)

    def slice_due(self, progress: Progress) -> Decimal:
        """The interval's own part of the parent, however late the parent is.

        It is the largest of three shares: by the clock, by the forecast, and by the trading of the
        interval before, because the schedule answers a surge.
        """
        interval = self._interval(progress, progress.now)
        start_at, deadline_at = progress.start_at, progress.deadline_at
        before = max(interval.start - (interval.end - interval.start), start_at)
        whole = self._volume(progress, start_at, deadline_at)
        parts = [(interval.end - interval.start) / (deadline_at - start_at)]
        if whole > 0.0:
            parts += [
                self._volume(progress, interval.start, interval.end) / whole,
                self._volume(progress, before, interval.start) / whole,
            ]
        return progress.total * Decimal(max(parts))

    @property
    def _length(self) -> timedelta:
        return max(timedelta(seconds=self.interval_seconds), POLL)

    def _interval(self, progress: Progress, at: datetime) -> _Interval:
        """The interval that holds `at`; the last one is longer if the horizon is no multiple."""
        last = _count(progress, self._length) - 1
        number = min(max((at - progress.start_at) // self._length, 0), last)
        start = progress.start_at + number * self._length
        if number == last:
            return _Interval(start, progress.deadline_at, is_last=True)
        return _Interval(start, start + self._length, is_last=False)

    def _next_child_at(self, last: LiveChild | None, interval: _Interval) -> datetime:
        """The time of the next child: one an interval, several in the last one, never two at
        once."""
        if last is None:
            return interval.start
        if last.placed_at >= interval.start and not interval.is_last:
            return interval.end
        return last.placed_at + self._length / CHILDREN_OF_THE_LAST_INTERVAL

    def _unserved_since(self, progress: Progress, interval: _Interval) -> datetime:
        if progress.last is None:
            return progress.start_at
        return min(self._interval(progress, progress.last.placed_at).end, interval.start)

    def _following(self, progress: Progress, interval: _Interval) -> WaitUntil:
        return wait(progress, None if interval.is_last else interval.end)

    def _volume(self, progress: Progress, start: datetime, end: datetime) -> float:
        if self.forecast is not None:
            return self.forecast.volume(start, end)
        return (end - start) / (progress.deadline_at - progress.start_at)

    def _lots(self, progress: Progress, touch: Touch, rules: LotRules, interval: _Interval) -> int:
        minimum = self.terms.min_lots(rules, self.terms.price_limit)
        # To the nearest lot; the next interval's share corrects the rounding.
        target = round(self.target(progress) / rules.qty_step) * rules.qty_step
        wanted = min(target - progress.committed, self._bound(progress, touch))
        if target - progress.committed >= minimum * rules.qty_step:
            wanted = max(wanted, minimum * rules.qty_step)
        tail = Tail.TAKE if interval.is_last else Tail.WAIT
        return child_lots(wanted, progress, rules, minimum, tail)

    def _bound(self, progress: Progress, touch: Touch) -> Decimal:
        """The largest size of a child; the venue's minimum overrides it."""
        due = self.slice_due(progress)
        most = due * self.max_catch_up
        if self.participation_cap is None:
            return most
        room = touch.traded_volume_since_start * self.participation_cap - progress.committed
        return min(most, max(due, room))


def _count(progress: Progress, length: timedelta) -> int:
    return max(1, (progress.deadline_at - progress.start_at) // length)


def _share_now(
    volumes: tuple[float, float], left: float, traded: float, caution: float | None
) -> float:
    """`volume_schedule.share_now` for one parent; `volumes` are now and after."""
    # Here and not above: a halt loads every algorithm, and needs none of numpy.
    import numpy as np

    from bot.execution.algorithms import volume_schedule

    (share,) = volume_schedule.share_now(
        np.array([volumes]), np.array([left]), np.array([traded]), caution
    )
    return float(share)
