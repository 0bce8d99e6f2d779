"""Fits Y of the square-root law I = Y * sigma * sqrt(Q / V) on our own fills.

Each trade gives a ratio I / (sigma * sqrt(Q / V)); Y is their median, because single trades are
mostly noise with fat tails (Donier & Bonart 2015 average over a million of them). Ratios below
zero are kept: leaving them out would bias Y upwards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import median

from bot.errors import Refused
from bot.tca.resampling import CONFIDENCE, RESAMPLES, SEED, bootstrap

MIN_POINTS = 30
"""The least number of trades for a useful interval of the median."""


@dataclass(frozen=True, slots=True)
class ImpactPoint:
    """One trade: its price move, as a share of the price, with size and volatility.

    `filled` and `day_volume` in one unit (quote notional), `day_volatility` the standard deviation
    of log returns of one day.
    """

    impact: float
    filled: float
    day_volume: float
    day_volatility: float

    @property
    def law(self) -> float:
        """The law's impact with Y = 1."""
        return self.day_volatility * sqrt(self.filled / self.day_volume)

    @property
    def is_usable(self) -> bool:
        """Whether impact is finite, and size, volume and volatility are finite and positive."""
        return isfinite(self.impact) and all(
            isfinite(value) and value > 0.0
            for value in (self.filled, self.day_volume, self.day_volatility)
        )


@dataclass(frozen=True, slots=True)
class ImpactFit:
    """Y with its confidence interval, from `points` trades; `left_out` had no usable inputs."""

    coefficient: float
    low: float
    high: float
    points: int
    left_out: int

    @property
    def is_significant(self) -> bool:
        """Whether the interval lies above zero, so that the data show an impact."""
        return self.low > 0.0


def fit_impact(
    points: Iterable[ImpactPoint],
    *,
    min_points: int = MIN_POINTS,
    seed: int = SEED,
    resamples: int = RESAMPLES,
) -> ImpactFit:
    """Raises Refused with fewer than `min_points` usable trades."""
    given: Sequence[ImpactPoint] = tuple(points)
    usable = [point for point in given if point.is_usable]
    if len(usable) < max(2, min_points):
        raise Refused(
            f"{len(usable)} usable trades are too few to fit the impact: {min_points} are needed",
            code="too_few_points",
        )
    ratios = [point.impact / point.law for point in usable]
    found = bootstrap(ratios, median, seed=seed, resamples=resamples, confidence=CONFIDENCE)
    if found.low is None or found.high is None:
        raise Refused("the fit has no confidence interval", code="too_few_points")
    return ImpactFit(found.value, found.low, found.high, len(usable), len(given) - len(usable))
