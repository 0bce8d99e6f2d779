"""The processes behind the synthetic market: prices, volatility and pressure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.market import parameters
from paper_exchange.market.synthetic_path import PathGenerator, autoregress


@pytest.fixture(scope="module")
def minute_returns() -> np.ndarray:
    path = PathGenerator(seed=1)
    prices = np.array([path.block().log_price[-1] for _ in range(3 * 1440)])
    return np.diff(prices, axis=0)


def test_returns_are_heavy_tailed_and_have_the_listed_volatility(
    minute_returns: np.ndarray,
) -> None:
    daily_bps = minute_returns.std(axis=0) * np.sqrt(1440) * 1e4
    listed = np.array([c.daily_sigma_bps for c in parameters.COINS])
    assert np.all(np.abs(daily_bps / listed - 1) < 0.25)
    centred = minute_returns / minute_returns.std(axis=0)
    assert np.all((centred**4).mean(axis=0) > 6)


def test_coins_move_together_as_measured(minute_returns: np.ndarray) -> None:
    correlation = np.corrcoef(minute_returns.T)
    pairs = correlation[np.triu_indices(4, 1)]
    assert np.all((pairs > 0.65) & (pairs < 0.9))


def test_volatility_comes_in_regimes(minute_returns: np.ndarray) -> None:
    hours = minute_returns[: len(minute_returns) // 60 * 60].reshape(-1, 60, 4)
    low, high = np.quantile(np.sqrt((hours**2).mean(axis=1)), [0.1, 0.9], axis=0)
    assert np.all(high / low > 2)


def test_pressure_leads_returns_mildly_and_returns_stay_white() -> None:
    path = PathGenerator(seed=2)
    blocks = [path.block() for _ in range(300)]
    lead = [
        np.corrcoef(b.pressure[:-50, 0], b.log_price[50:, 0] - b.log_price[:-50, 0])[0, 1]
        for b in blocks
    ]
    assert 0.2 < float(np.mean(lead)) < 0.4
    surprises = np.concatenate([b.surprise[:, 0] for b in blocks])
    seconds = surprises.reshape(-1, 10).sum(axis=1)
    assert abs(np.corrcoef(seconds[:-1], seconds[1:])[0, 1]) < 0.03


@given(
    start=st.floats(-5, 5),
    shocks=st.lists(st.floats(-5, 5), min_size=1, max_size=50),
    decay=st.floats(0.5, 0.999),
)
def test_the_vectorised_recursion_equals_the_loop(
    start: float, shocks: list[float], decay: float
) -> None:
    expected, y = [], start
    for shock in shocks:
        y = decay * y + shock
        expected.append(y)
    assert np.allclose(autoregress(np.array(start), np.array(shocks), decay), expected)
