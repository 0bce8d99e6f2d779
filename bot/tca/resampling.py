"""Bootstrap confidence intervals, seeded so that the same data gives the same answer."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean

from bot.errors import Refused

SEED = 20261123
RESAMPLES = 2000
"""Percentiles at 2.5 and 97.5 % rest on 50 resamples each."""
CONFIDENCE = 0.95
Statistic = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its percentile interval; the bounds are None for a single value."""

    value: float
    low: float | None
    high: float | None
    count: int


def bootstrap(
    values: Sequence[float],
    statistic: Statistic = fmean,
    *,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """The statistic of the values and the percentile interval of its resamples (Efron 1979)."""
    if not values or not all(map(isfinite, values)):
        raise Refused("a confidence interval needs values, all of them finite")
    value = statistic(values)
    if len(values) == 1:
        return Estimate(value, None, None, 1)
    chance = random.Random(seed)
    drawn = sorted(statistic(chance.choices(values, k=len(values))) for _ in range(resamples))
    tail = (1.0 - confidence) / 2.0
    return Estimate(value, _percentile(drawn, tail), _percentile(drawn, 1.0 - tail), len(values))


def _percentile(ordered: Sequence[float], share: float) -> float:
    """The percentile, linear between the two nearest order statistics."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
