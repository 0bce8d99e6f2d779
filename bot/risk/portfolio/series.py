"""Daily returns in any form that a notebook has, and statistics of them.

A list, a numpy array or a pandas series is read by its shape alone; neither library is imported. A
statistic is None with too few returns, a NaN among them, no variation, or another interval than a
day.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import dropwhile, pairwise
from math import ceil, fsum, isfinite, sqrt
from statistics import median
from typing import Any

from models.plain import is_gap

DAYS = 365
"""Trading days of a year: these markets never close."""
MIN_TAIL = 20
"""The least number of returns for a 95 % tail; with fewer it has no member."""
TAIL_SHARE = 0.05
# A variation below this is the rounding of floats.
_NOTHING = 1e-12
# A thousandfold day is no market, and its square would leave the floats.
_MOST = 1e3
_DAILY = (timedelta(hours=21), timedelta(hours=27))


def daily(source: Any, *, from_first_number: bool = False) -> tuple[float, ...] | None:
    """The returns, oldest first; None when they are no readable daily returns.

    `from_first_number` leaves out the gaps that a series begins with.
    """
    if source is None or isinstance(source, str | bytes | dict) or not _is_daily(source):
        return None
    try:
        values = tuple(map(_number, dropwhile(is_gap, source) if from_first_number else source))
    except (TypeError, ValueError, ArithmeticError):
        return None
    return values if values and all(abs(each) <= _MOST for each in values) else None


def first_hole(source: Any) -> int | None:
    """The place of the first NaN, gap or infinity that is not at the beginning."""
    if isinstance(source, str | bytes | dict) or not hasattr(source, "__iter__"):
        return None
    later = dropwhile(lambda placed: is_gap(placed[1]), enumerate(source))
    return next((place for place, each in later if _is_hole(each)), None)


def _is_hole(value: Any) -> bool:
    plain = value.item() if hasattr(value, "item") else value
    return is_gap(plain) or (isinstance(plain, float | Decimal) and not isfinite(plain))


def _number(value: Any) -> float:
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool | str | bytes) or plain is None:
        raise TypeError("not a number")
    return float(plain)


def _is_daily(source: Any) -> bool:
    """Whether the returns are daily, by the times of a pandas index; True without times."""
    index = getattr(source, "index", None)
    if index is None or callable(index):
        return True
    try:
        read = getattr(index, "to_pydatetime", None)
        moments = list(read() if callable(read) else index)
        if len(moments) < 2 or not all(isinstance(m, datetime) for m in moments):
            return True
        gaps = [b - a for a, b in pairwise(moments)]
        return bool(min(gaps) > timedelta(0) and _DAILY[0] <= median(gaps) <= _DAILY[1])
    except (TypeError, ValueError, ArithmeticError):
        return False


def last(returns: Sequence[float] | None, count: int) -> Sequence[float] | None:
    """The newest `count` returns, or fewer when there are fewer; None stays None."""
    return None if returns is None else returns[-count:]


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean of at least one value, summed without loss of digits."""
    kept = tuple(values)
    return fsum(kept) / len(kept)


def deviation(returns: Sequence[float] | None) -> float | None:
    """Standard deviation of one day."""
    if returns is None or len(returns) < 2:
        return None
    centre = mean(returns)
    try:
        found = sqrt(fsum((r - centre) ** 2 for r in returns) / (len(returns) - 1))
    except OverflowError:
        return None
    return found if isfinite(found) and found > _NOTHING else None


def yearly_volatility(returns: Sequence[float] | None) -> float | None:
    """The standard deviation of daily returns, times the square root of the days of a year."""
    found = deviation(returns)
    return None if found is None else found * sqrt(DAYS)


def tail(returns: Sequence[float] | None) -> tuple[float, float] | None:
    """Value at risk and expected shortfall of a long position, one day at 95 %, never negative."""
    if returns is None or len(returns) < MIN_TAIL or deviation(returns) is None:
        return None
    worst = sorted(returns)[: max(1, ceil(len(returns) * TAIL_SHARE))]
    return max(0.0, -worst[-1]), max(0.0, -mean(worst))


def drawdown(returns: Sequence[float] | None) -> float | None:
    """The deepest fall from a peak, as a share of it."""
    if deviation(returns) is None or returns is None:
        return None
    value = peak = 1.0
    deepest = 0.0
    for each in returns:
        value *= 1.0 + each
        peak = max(peak, value)
        deepest = max(deepest, (peak - value) / peak)
    return deepest if isfinite(deepest) else None


def sharpe(returns: Sequence[float] | None) -> float | None:
    """A year's mean over its deviation; the riskless rate counts as zero."""
    spread = deviation(returns)
    if spread is None or returns is None:
        return None
    return mean(returns) / spread * sqrt(DAYS)


def sortino(returns: Sequence[float] | None) -> float | None:
    """The yearly Sortino ratio against a target of zero: mean return over downside deviation.

    None without a deviation or without a losing day.
    """
    if deviation(returns) is None or returns is None:
        return None
    below = sqrt(fsum(min(0.0, r) ** 2 for r in returns) / len(returns))
    return mean(returns) / below * sqrt(DAYS) if below > _NOTHING else None


def covariance(first: Sequence[float], second: Sequence[float]) -> float:
    """The sample covariance (divisor n - 1) of two series of one length, two values or more."""
    a, b = mean(first), mean(second)
    pairs = zip(first, second, strict=True)
    return fsum((x - a) * (y - b) for x, y in pairs) / (len(first) - 1)


def correlation(
    first: Sequence[float] | None, second: Sequence[float] | None, count: int
) -> float | None:
    """The correlation over the newest days that both series have."""
    a, b = _common(first, second, count)
    spread, other = deviation(a), deviation(b)
    if a is None or b is None or spread is None or other is None:
        return None
    return max(-1.0, min(1.0, covariance(a, b) / (spread * other)))


def beta(
    returns: Sequence[float] | None, market: Sequence[float] | None, count: int
) -> float | None:
    """The covariance with the market over the market's variance.

    It reads the newest `count` days that both series have. None when either series is too short or
    does not vary.
    """
    a, b = _common(returns, market, count)
    spread = deviation(b)
    if a is None or b is None or spread is None or deviation(a) is None:
        return None
    return covariance(a, b) / spread**2


def _common(
    first: Sequence[float] | None, second: Sequence[float] | None, count: int
) -> tuple[Sequence[float] | None, Sequence[float] | None]:
    if first is None or second is None:
        return None, None
    days = min(len(first), len(second), count)
    return (first[-days:], second[-days:]) if days >= 3 else (None, None)
