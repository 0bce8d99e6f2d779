"""Least squares of each future minute's relative volume, one set of coefficients per bucket of
horizons (1 to 240 minutes ahead)."""

import numpy as np

from bot.market.volume.curve import NotEnoughBars
from bot.market.volume.panel import FloatArray

HORIZON_MINUTES = 240
# Narrow where the forecast changes fast with the distance, wide where it has faded to the mean.
BUCKET_STARTS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
# A forecast stays positive: a linear one can fall below zero after a dead hour.
LEAST_RELATIVE = 0.05


def bucket_of(horizon_minutes: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """The bucket of each of the next minutes; the last bucket has no end."""
    return np.searchsorted(BUCKET_STARTS, np.arange(horizon_minutes), side="right") - 1


def moments(
    features: FloatArray, relative: FloatArray, warm_up: int
) -> tuple[FloatArray, FloatArray]:
    """X'X (features, features) and X'y (features, buckets) of one symbol.

    `features` is (minutes, features), known before each minute; rows whose future isn't wholly
    inside `relative` are left out.
    """
    rows = len(relative) - HORIZON_MINUTES
    if rows - warm_up < HORIZON_MINUTES:
        raise NotEnoughBars("the regression needs at least two days of bars")
    x = features[warm_up:rows]
    sums = np.concatenate([[0.0], np.cumsum(relative)])
    now = np.arange(warm_up, rows)
    ends = (*BUCKET_STARTS[1:], HORIZON_MINUTES)
    y = np.stack(
        [
            (sums[now + end] - sums[now + start]) / (end - start)
            for start, end in zip(BUCKET_STARTS, ends, strict=True)
        ],
        axis=1,
    )
    return x.T @ x, x.T @ y


def solve(gram: FloatArray, cross: FloatArray, ridge: float) -> FloatArray:
    """Coefficients (buckets, features); the first feature is the constant and isn't shrunk."""
    penalty = np.full(len(gram), ridge * gram[0, 0])
    penalty[0] = 0.0
    # The pseudo-inverse copes with features that never moved in the training window.
    solution: FloatArray = np.linalg.pinv(gram + np.diag(penalty), hermitian=True) @ cross
    return np.ascontiguousarray(solution.T)


def predict(features: FloatArray, coefficients: FloatArray, horizon_minutes: int) -> FloatArray:
    """Relative volume of each of the next minutes, (rows, horizon), never below the floor."""
    by_bucket = np.maximum(features @ coefficients.T, LEAST_RELATIVE)
    ahead: FloatArray = by_bucket[:, bucket_of(horizon_minutes)]
    return ahead
