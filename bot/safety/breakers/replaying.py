"""Takes recorded minutes through the breakers of the market, as if they had been looked at live.

A breaker trips at its threshold, as in the evaluator. It ends as one that recovers by itself: when
its condition and the wait are over. Nothing is traded, so that nothing helps and no loss is
known.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import NamedTuple

import numpy as np

from bot.exchange.correlations import HISTORY_MINUTES
from bot.market.recorded_figures import (
    RecordedMinutes,
    correlation_shifts,
    volatility_ratios,
)
from bot.risk.limits import RiskLimits
from bot.safety.breakers.markets import (
    CORRELATION_MINUTES,
    Threshold,
    shift_threshold,
    spike_threshold,
)
from bot.safety.breakers.quality import PastTrip
from bot.safety.breakers.readings import BreakerKind

_ACCOUNT = "account"


class SeenMinute(NamedTuple):
    """What a breaker sees of one minute; None where nothing is measured."""

    minute: int
    breaks: bool | None
    """Whether its reading breaks the threshold."""
    over: bool | None
    """Whether the condition of a breaker that is tripped is over."""


@dataclass(frozen=True, slots=True)
class ReplayedDays:
    """The trips of a replay and the period that it covers."""

    since: datetime
    until: datetime
    trips: tuple[PastTrip, ...]


def replay(recorded: Sequence[RecordedMinutes], limits: RiskLimits) -> ReplayedDays:
    """The trips of volatility_spike, data_quality_issue and, for several symbols,
    correlation_breakdown. `recorded` is not empty."""
    wait = timedelta(seconds=limits.breakers.recovery_wait_seconds)
    trips: list[PastTrip] = []
    for bars in recorded:
        scope = f"symbol:{bars.symbol}"
        trips += _trips(BreakerKind.VOLATILITY, scope, _volatility(bars, limits), wait)
        trips += _trips(BreakerKind.DATA, scope, _data(bars, limits), wait)
    if len(recorded) > 1:
        trips += _trips(BreakerKind.CORRELATION, _ACCOUNT, _correlation(recorded, limits), wait)
    first = min(int(bars.minutes[0]) for bars in recorded)
    last = max(int(bars.minutes[-1]) for bars in recorded)
    return ReplayedDays(_moment(first), _moment(last + 1), tuple(trips))


def _volatility(bars: RecordedMinutes, limits: RiskLimits) -> Iterator[SeenMinute]:
    short = limits.breakers.volatility_window_minutes
    ratios = volatility_ratios(bars, short, HISTORY_MINUTES)
    return _judged(bars.minutes, ratios, spike_threshold(limits))


def _correlation(recorded: Sequence[RecordedMinutes], limits: RiskLimits) -> Iterator[SeenMinute]:
    common = reduce(np.intersect1d, (bars.minutes for bars in recorded))
    closes = {bars.symbol: bars.close[np.isin(bars.minutes, common)] for bars in recorded}
    shifts = correlation_shifts(closes, CORRELATION_MINUTES, HISTORY_MINUTES)
    return _judged(common, shifts, shift_threshold(limits))


def _data(bars: RecordedMinutes, limits: RiskLimits) -> Iterator[SeenMinute]:
    """A minute that is missing, or is no market, is a minute of bad data."""
    longest = limits.breakers.max_data_silence_seconds
    bad, last = 0, int(bars.minutes[0])
    for place, minute in enumerate(int(each) for each in bars.minutes):
        for missing in range(last + 1, minute):
            bad += 60
            yield SeenMinute(missing + 1, bad >= longest, bad < longest)
        last = minute
        close = bars.close[place]
        sound = 0 < bars.low[place] <= close <= bars.high[place]
        bad = 0 if sound else bad + 60
        yield SeenMinute(minute + 1, bad >= longest, bad < longest)


def _judged(
    minutes: Iterable[int], figures: Iterable[float], threshold: Threshold
) -> Iterator[SeenMinute]:
    for minute, figure in zip(minutes, map(float, figures), strict=True):
        if np.isnan(figure):
            yield SeenMinute(int(minute) + 1, None, None)
        else:
            breaks, over = threshold.is_breached(figure), threshold.is_over(figure)
            yield SeenMinute(int(minute) + 1, breaks, over)


def _trips(
    kind: BreakerKind, scope: str, seen: Iterable[SeenMinute], wait: timedelta
) -> Iterator[PastTrip]:
    begun: datetime | None = None
    again: datetime | None = None
    for minute, breaks, over in seen:
        at = _moment(minute)
        if begun is None:
            if breaks:
                begun, again = at, None
        elif over:
            again = again or at
            if at - begun >= wait:
                yield PastTrip(kind, scope, begun, within_again_at=again, ended_at=at)
                begun = None
    if begun is not None:
        yield PastTrip(kind, scope, begun, within_again_at=again)


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
