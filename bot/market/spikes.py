"""Whether a symbol moves more than it used to, and whether symbols move together as they used to.

The volatility is the median realised variance of minute returns (Andersen, Dobrev and Schaumburg
2012): each return counts as the median of itself and its two neighbours, so that one jump counts as
nothing. A spike is a market that moves more for many minutes.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median

from bot.market.correlation import Closes
from bot.market.volatility import VolatilitySettings

MINUTES_PER_DAY = 1440
_MED_RV = math.pi / (6 - 4 * math.sqrt(3) + math.pi)
_MINUTE = timedelta(minutes=1)


def median_volatility(returns: Sequence[float]) -> float | None:
    """The volatility per day of minute returns, robust to single jumps; None for fewer than 3.

    A market that stands still has the floor of `bot.market.volatility`, not zero.
    """
    count = len(returns)
    if count < 3:
        return None
    sizes = [abs(step) for step in returns]
    total = sum(median(sizes[i : i + 3]) ** 2 for i in range(count - 2))
    variance = _MED_RV * total / (count - 2) * MINUTES_PER_DAY
    return max(math.sqrt(variance), VolatilitySettings().floor_per_day)


def volatility_spike(closes: Closes, minutes: int) -> float | None:
    """The volatility of the newest minutes over that of all the minutes before them.

    None when there is too little history: the long window needs three times the short one.
    """
    steps = _minute_returns(closes)
    if len(steps) < 4 * minutes:
        return None
    short, long = median_volatility(steps[-minutes:]), median_volatility(steps[:-minutes])
    return None if short is None or long is None else short / long


def correlation_shift(
    now: Mapping[str, Mapping[str, float]], before: Mapping[str, Mapping[str, float]]
) -> float | None:
    """The average change of a pair's correlation; None when no pair is known in both."""
    shifts = [
        abs(value - before[one][other])
        for one, row in now.items()
        for other, value in row.items()
        if one < other and other in before.get(one, {})
    ]
    return sum(shifts) / len(shifts) if shifts else None


def _minute_returns(closes: Closes) -> list[float]:
    """Log returns of neighbouring minutes; a gap makes no return."""
    return [
        math.log(later / earlier)
        for (before, earlier), (at, later) in pairwise(closes)
        if earlier > 0 and later > 0 and at - before == _MINUTE
    ]
