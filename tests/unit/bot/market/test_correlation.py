"""Shrunk correlations: right in the long run, modest in the short."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.correlation import FEWEST_RETURNS, shrink, shrunk_correlations

T0 = datetime(2026, 11, 23, tzinfo=UTC)


def pair(rho: float, moments: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=moments)


def closes(returns: np.ndarray) -> dict[str, list[tuple[datetime, Decimal]]]:
    prices = 100 * np.exp(np.cumsum(returns / 1000, axis=0))
    return {
        name: [(T0 + timedelta(minutes=i), Decimal(repr(float(p)))) for i, p in enumerate(column)]
        for name, column in zip("AB", prices.T, strict=True)
    }


@pytest.mark.parametrize("rho", [-0.8, 0.0, 0.6, 0.95])
def test_a_long_history_shows_the_true_correlation(rho: float) -> None:
    assert shrink(pair(rho, 50_000))[0, 1] == pytest.approx(rho, abs=0.02)


def test_a_short_history_is_pulled_towards_none() -> None:
    returns = pair(0.6, 40)
    sample = np.corrcoef(returns.T)[0, 1]
    assert 0 < shrink(returns)[0, 1] < sample


def test_the_shrinkage_is_ledoit_and_wolfs_written_out() -> None:
    returns = pair(0.4, 60, seed=3)
    x = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    s = x.T @ x / 60
    d2 = ((s - np.eye(2)) ** 2).sum() / 2
    b2 = sum(((np.outer(row, row) - s) ** 2).sum() / 2 for row in x) / 60**2
    expected = (1 - min(b2, d2) / d2) * s[0, 1]
    assert shrink(returns)[0, 1] == pytest.approx(expected, rel=1e-9)


def test_symbols_are_compared_over_the_minutes_that_they_share() -> None:
    both = closes(pair(0.9, 400))
    both["B"] = both["B"][50:]
    found = shrunk_correlations(both)
    assert found["A"]["B"] == found["B"]["A"] > 0.8
    assert "A" not in found["A"]


def test_too_little_or_a_price_that_stands_still_is_unknown() -> None:
    assert shrunk_correlations(closes(pair(0.9, FEWEST_RETURNS))) == {}
    still = closes(pair(0.9, 200))
    still["B"] = [(at, Decimal(5)) for at, _ in still["B"]]
    assert shrunk_correlations(still) == {}
    assert shrunk_correlations({"A": closes(pair(0.9, 200))["A"]}) == {}


@given(st.integers(2, 6), st.integers(31, 80), st.integers(0, 10_000))
def test_every_entry_is_a_correlation(count: int, moments: int, seed: int) -> None:
    returns = np.random.default_rng(seed).standard_t(3, size=(moments, count))
    matrix = shrink(returns)
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(np.diag(matrix), 1)
    assert (np.abs(matrix) <= 1).all()
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
