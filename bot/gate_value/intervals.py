"""The interval of a sum over time whose parts depend on each other: a stationary block bootstrap.

Outcomes with overlapping horizons share their market, and blocks come in spells. The time is cut
into equal bins; blocks of bins of random length are drawn with replacement (Politis & Romano 1994).
Their mean length comes from the data (Politis & White 2004, corrected by Patton et al. 2009). It is
never shorter than the horizon, nor than twice the cube root of the number of bins, because a few
spells hide their dependence. A spell of blocks is one observation: the interval is as wide as
Student's t of that many observations asks (Hesterberg 2015), which a percentile alone is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import atan, ceil, cos, inf, isfinite, log10, pi, sin, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

SEED = 20261130
RESAMPLES = 4999
"""So many that the smallest p-value stays under a twentieth shared by twenty checks."""
CONFIDENCE = 0.95
BINS = 256
"""The finest cut of the time: more would cost time and tell no more."""
LEAST_SPELLS = 8
"""Fewer independent spells of blocks give no interval that could be relied on."""
_NORMAL = NormalDist()
_NO_POWER, _NO_SPECTRUM = 1e-200, 1e-9
"""Under these a ratio says nothing but rounding."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Observed:
    """Values at their times, in seconds since the start of the time that is looked at."""

    times: Sequence[float]
    values: Sequence[float]
    span: float
    """The length of that time in seconds."""
    horizon: float
    """The longest time in seconds during which two outcomes can share their market."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over the whole time with its interval; None where too few spells give none."""

    value: float
    low: float | None
    high: float | None
    p_value: float | None
    """Of the claim that the true sum is zero, two-sided."""
    error: float | None
    """The standard error."""
    spells: int
    block_seconds: float
    """The mean length of a block of the bootstrap."""


def sum_of(seen: Observed, *, seed: int = SEED, resamples: int = RESAMPLES) -> Sum:
    """The sum of all values, with the interval of what such a time brings."""
    bins = _binned(seen)
    width = seen.span / len(bins)
    block = max(block_length(bins), seen.horizon / width, 2 * len(bins) ** (1 / 3))
    spells = _spells(bins != 0, ceil(block))
    value = float(bins.sum())
    if spells < LEAST_SPELLS or len(bins) / block < LEAST_SPELLS:
        return Sum(value, None, None, None, None, spells, block * width)
    drawn = np.sort(_resampled(bins, block, resamples, np.random.default_rng(seed)))
    error = float(drawn.std(ddof=1))
    stretch = sqrt(spells / (spells - 1))
    tail = _NORMAL.cdf(t_quantile((1 - CONFIDENCE) / 2, spells - 1) * stretch)
    low, high = (float(np.quantile(drawn, share)) for share in (tail, 1 - tail))
    return Sum(
        value,
        low,
        high,
        _p_value(drawn, value, error, spells),
        error,
        spells,
        block * width,
    )


def block_length(series: Floats) -> float:
    """The mean block length that serves the bootstrap of this series' mean best."""
    count = len(series)
    centred = series - series.mean()
    power = float(centred @ centred) / count
    if count < 8 or not power > _NO_POWER:
        return 1.0
    most = min(ceil(sqrt(count)) + max(5, ceil(sqrt(log10(count)))), count - 1)
    products = [float(centred[: count - lag] @ centred[lag:]) for lag in range(most + 1)]
    correlation = np.array(products) / count / power
    last = _last_lag(correlation, count)
    reach = min(2 * last, most)
    lags = np.arange(-reach, reach + 1)
    share = np.abs(lags) / max(reach, 1)
    weight = np.where(share <= 0.5, 1.0, 2.0 * (1.0 - share))
    terms = weight * correlation[np.abs(lags)]
    spectrum, slope = float(terms.sum()), float((terms * np.abs(lags)).sum())
    if not spectrum > _NO_SPECTRUM:
        return 1.0
    best = abs(slope / spectrum) ** (2 / 3) * count ** (1 / 3)
    return float(min(max(best, 1.0), ceil(min(3 * sqrt(count), count / 3))))


def _last_lag(correlation: Floats, count: int) -> int:
    """The last lag before a run of correlations that could be none."""
    bound, run = 2.0 * sqrt(log10(count) / count), max(5, ceil(sqrt(log10(count))))
    small = np.abs(correlation[1:]) < bound
    for lag in range(len(small) - run + 1):
        if small[lag : lag + run].all():
            return max(lag, 1)
    return int(np.flatnonzero(~small)[-1]) + 1 if (~small).any() else 1


def _binned(seen: Observed) -> Floats:
    if not seen.span > 0 or not all(map(isfinite, (*seen.times, *seen.values))):
        raise ValueError("values need finite numbers and a time of some length")
    count = min(BINS, max(1, int(seen.span // 60)))
    place = np.asarray(seen.times, dtype=float) / seen.span * count
    place = np.clip(place.astype(int), 0, count - 1)
    weights = np.asarray(seen.values, dtype=float)
    bins: Floats = np.bincount(place, weights=weights, minlength=count).astype(np.float64)
    return bins


def _spells(has_any: npt.NDArray[np.bool_], block: int) -> int:
    """How many blocks of time have a value."""
    return sum(bool(has_any[at : at + block].any()) for at in range(0, len(has_any), block))


def _resampled(bins: Floats, block: float, resamples: int, chance: np.random.Generator) -> Floats:
    """The sums of times that are made of random blocks of the observed one."""
    count = len(bins)
    blocks = ceil(count / block + 8 * sqrt(count / block)) + 8
    lengths = np.minimum(chance.geometric(1 / block, (resamples, blocks)), count)
    # The last one fills what the others may have left.
    lengths[:, -1] = count
    ends = np.cumsum(lengths, axis=1)
    lengths = np.clip(count - (ends - lengths), 0, lengths)
    starts = chance.integers(0, count, (resamples, blocks))
    sums = np.concatenate(([0.0], np.cumsum(np.concatenate((bins, bins)))))
    drawn: Floats = (sums[starts + lengths] - sums[starts]).sum(axis=1)
    return drawn


def _p_value(drawn: Floats, value: float, error: float, spells: int) -> float:
    """The larger of the bootstrap's own and Student's: neither alone is careful enough."""
    if error <= 0.0:
        return 0.0 if value else 1.0
    count = len(drawn)
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    tail = min((beyond + 1) / (count + 1), 0.5)
    stretched = -_NORMAL.inv_cdf(tail) / sqrt(spells / (spells - 1)) if tail < 0.5 else 0.0
    return 2 * t_tail(min(stretched, abs(value) / error), spells - 1)


@cache
def t_quantile(share: float, freedom: int) -> float:
    """The quantile of Student's t for a share below a half."""
    low, high = -1e6, 0.0
    for _ in range(200):
        middle = (low + high) / 2
        if t_tail(-middle, freedom) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def t_tail(at: float, freedom: int) -> float:
    """The chance that Student's t is above `at`, which is not negative (Abramowitz & Stegun
    26.7.3)."""
    if at == inf:
        return 0.0
    angle = atan(at / sqrt(freedom))
    square = cos(angle) ** 2
    term = total = 1.0 if freedom % 2 == 0 else cos(angle)
    if freedom % 2 == 0:
        for k in range(1, freedom // 2):
            term *= square * (2 * k - 1) / (2 * k)
            total += term
        inside = sin(angle) * total
    else:
        if freedom == 1:
            total = 0.0
        for k in range(1, (freedom - 1) // 2):
            term *= square * (2 * k) / (2 * k + 1)
            total += term
        inside = 2 / pi * (angle + sin(angle) * total)
    return max(0.0, (1 - inside) / 2)
