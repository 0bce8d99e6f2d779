"""Correlations of minute returns, shrunk so that short histories don't show false certainty.

Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices":
the sample covariance of standardised returns is pulled towards a multiple of the identity by the
share that minimises the expected squared error.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

Closes = Sequence[tuple[datetime, Decimal]]
FEWEST_RETURNS = 30
"""The least number of common minutes that say something about how symbols move together."""


def shrunk_correlations(closes: Mapping[str, Closes]) -> dict[str, dict[str, float]]:
    """Symbol -> other symbol -> correlation of log returns over the minutes that all share.

    A symbol that doesn't move, or too short a common history, gives no entry: unknown.
    """
    symbols = sorted(closes)
    shared = sorted(set.intersection(*({at for at, _ in closes[s]} for s in symbols)))
    if len(symbols) < 2 or len(shared) <= FEWEST_RETURNS:
        return {}
    prices = {symbol: dict(closes[symbol]) for symbol in symbols}
    logs = np.array([[float(prices[s][at].ln()) for s in symbols] for at in shared])
    returns = np.diff(logs, axis=0)
    moving = returns.std(axis=0) > 0
    names = [symbol for symbol, moves in zip(symbols, moving, strict=True) if moves]
    if len(names) < 2:
        return {}
    matrix = shrink(returns[:, moving])
    return {
        a: {b: float(matrix[i, j]) for j, b in enumerate(names) if i != j}
        for i, a in enumerate(names)
    }


def shrink(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shrunk correlation matrix of returns, one row a moment, one column a symbol."""
    scaled = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    moments, count = scaled.shape
    sample = scaled.T @ scaled / moments
    target = np.trace(sample) / count * np.eye(count)
    distance = float(((sample - target) ** 2).sum()) / count
    if distance == 0.0:
        return np.asarray(target)
    # Mean squared distance of each moment's own outer product from the sample covariance.
    squared = (scaled**2).sum(axis=1)
    noise = float((squared**2).mean() - (sample**2).sum()) / (count * moments)
    share = min(max(noise, 0.0), distance) / distance
    shrunk = share * target + (1.0 - share) * sample
    spread = np.sqrt(np.diag(shrunk))
    return np.asarray(np.clip(shrunk / np.outer(spread, spread), -1.0, 1.0))
