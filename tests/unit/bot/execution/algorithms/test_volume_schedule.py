"""Shares of an order: never more than is left, exact in sum, steered by what the market did."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.algorithms.volume_schedule import plan, share_now

CAUTION = st.one_of(st.none(), st.floats(0.5, 3.0))
FORECAST = st.lists(st.floats(0.01, 1e9), min_size=1, max_size=50).map(np.array)


@given(FORECAST, st.floats(0.0, 1.0), st.floats(0.0, 1e9), CAUTION)
def test_a_plan_trades_exactly_what_is_left(
    forecast: np.ndarray, left: float, done: float, caution: float | None
) -> None:
    shares = plan(forecast, left, done, caution)
    assert len(shares) == len(forecast)
    assert (shares >= 0.0).all()
    assert shares.sum() == pytest.approx(left)


def test_without_caution_what_is_left_follows_the_forecast() -> None:
    assert plan(np.array([1.0, 2.0, 1.0]), 0.8, 999.0, None) == pytest.approx([0.2, 0.4, 0.2])


def test_a_surge_that_was_missed_is_caught_up_at_once() -> None:
    # The market has done 80 of 100; after this minute 10 are to come, so a tenth stays.
    assert plan(np.array([10.0, 10.0]), 0.9, 80.0, 1.0) == pytest.approx([0.8, 0.1])


def test_an_order_that_is_ahead_of_the_market_waits() -> None:
    assert plan(np.array([10.0, 10.0, 80.0]), 0.5, 0.0, 1.0)[0] == 0.0


def test_caution_waits_longer() -> None:
    forecast, left, done = np.ones((1, 10)), np.array([1.0]), np.array([5.0])
    bold, shy = (share_now(forecast, left, done, caution)[0] for caution in (1.0, 2.0))
    assert 0.0 < shy < bold


@pytest.mark.parametrize("caution", [None, 1.5])
def test_the_last_minute_trades_everything(caution: float | None) -> None:
    assert plan(np.array([3.0]), 0.7, 1.0, caution).tolist() == [0.7]


@pytest.mark.parametrize(
    ("forecast", "left", "done"),
    [([], 1.0, 0.0), ([0.0, 1.0], 1.0, 0.0), ([1.0], 1.1, 0.0), ([1.0], 0.5, -1.0)],
)
def test_impossible_inputs_are_refused(forecast: list[float], left: float, done: float) -> None:
    with pytest.raises(ValueError, match="plan needs"):
        plan(np.array(forecast), left, done, None)
